"""What a table's or a service's address answers to ``?SOAP``, ``?WSDL`` and ``?XSD``."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial

from msgspec.structs import replace

from mock_servicenow.now_platform.errors import MethodNotAllowed, SoapError
from mock_servicenow.now_platform.imports.import_sets import is_staging
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps, guarded
from mock_servicenow.now_platform.rest.record_bodies import check_length, longest_body
from mock_servicenow.now_platform.rest.soap.direct_services import (
    DISPLAY_FORM,
    OPERATIONS,
    READERS,
    DirectServices,
    check_soap_role,
    display_form,
)
from mock_servicenow.now_platform.rest.soap.import_services import ImportServices
from mock_servicenow.now_platform.rest.soap.scripted_services import ScriptedService, service_of
from mock_servicenow.now_platform.rest.soap.service_description import (
    Description,
    describe_scripted,
    describe_table,
    is_qualified,
)
from mock_servicenow.now_platform.rest.soap.soap_message import INCOMPLETE, Writer, fault, read_request

_READS = ("GET", "HEAD")


class SoapProcessor:
    """Answers messages; whatever fails is a fault."""

    def __init__(self, instance: Instance, services: Mapping[str, ScriptedService]) -> None:
        self._instance = instance
        self._services = services
        self._direct = DirectServices(instance, OPERATIONS)
        self._imports = DirectServices(instance, ImportServices(instance).operations)

    def answer(self, call: Call, name: str) -> Answer | Steps:
        """Answer a message to a table, or to the scripted service of that name."""
        return guarded(partial(self._answer, call, name), fault)

    def _answer(self, call: Call, name: str) -> Answer | Steps:
        if call.verb != "POST":
            raise SoapError(f"{INCOMPLETE} - Only HTTP POST supported")
        with self._instance.transaction(call.user, call.findings) as session:
            check_length(call, longest_body(session))
            qualified = is_qualified(session)
            service = service_of(session, self._services, name)
            services = self._imports if is_staging(session, name) else self._direct
        request = read_request(call.body)
        writer = Writer(request, qualified=qualified)
        if service is not None:
            return service.answer(self._instance, call, request, writer)
        return services.answer(call, name, request, writer)


class DescriptionProcessor:
    """Answers with the description of a table's service, or of a scripted one."""

    def __init__(self, instance: Instance, services: Mapping[str, ScriptedService]) -> None:
        self._instance = instance
        self._services = services
        self._imports = ImportServices(instance)

    def wsdl(self, call: Call, name: str) -> Answer:
        """Return it as WSDL; raises PlatformError."""
        with self._session(call) as session:
            return self._described(call, session, name).wsdl(session, call.origin)

    def xsd(self, call: Call, name: str) -> Answer:
        """Return the schema of its messages; raises PlatformError."""
        with self._session(call) as session:
            return self._described(call, session, name).xsd(session)

    def _session(self, call: Call) -> AbstractContextManager[Session]:
        if call.verb not in _READS:
            raise MethodNotAllowed(call.verb, _READS)
        return self._instance.transaction(call.user, call.findings)

    def _described(self, call: Call, session: Session, name: str) -> Description:
        check_soap_role(session, READERS)
        service = service_of(session, self._services, name)
        if service is not None:
            return describe_scripted(service)
        session.check_reach(name)
        known, hidden = session.dictionary.columns(name), session.sight.hidden(name)
        # In the order in which records have them, which the schema demands.
        columns = [column for each, column in known.items() if each not in hidden]
        operations = self._imports.operations if is_staging(session, name) else OPERATIONS
        form, display = display_form(call, session), session.dictionary.display_column(name)
        description = describe_table(name, columns, display, operations, form)
        kept = f"{DISPLAY_FORM}={form}&" if DISPLAY_FORM in call.query else ""
        return replace(description, parameters=kept)
