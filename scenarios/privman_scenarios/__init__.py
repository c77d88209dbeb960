"""Scenarios of the webhook between Privilege Manager and ServiceNow: files, and the tool that plays them.

Four rooms, each of which imports only from those below it::

    commands   the commands and their reports
    analysis   many runs: variations, mutants, coverage, recordings, drift, fidelity, matrix
    playing    one scenario, played on two parties
    language   the scenario file: its words, its checks, its schema

A *party* is one of the two systems, ServiceNow or the console; a *target* is a party that already runs, at an
address that the user names.

Errors::

    ScenariosError
    ├── UnusableFileError        a file cannot be used; ``file: message``
    │   └── ScenarioFileError    a scenario file cannot be used; ``file:line: message``
    │       └── ScenarioFilesError   several, a line each
    ├── UnknownWordError         a fixture was called with an unknown word
    ├── WorkerLostError          a process that played scenarios was ended from outside
    └── TargetUnreachableError   a target did not answer, or is not what it should be
    ExpectationError             an expectation of a scenario or of a fixture does not hold
    ├── NotSavedError            a step uses a value that no step before it has saved
    └── NotOwnError              a record would be changed that this run has not created
"""
