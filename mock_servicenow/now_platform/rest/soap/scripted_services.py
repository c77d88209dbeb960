"""Scripted web services: one operation, ``execute``, with inputs and outputs of their own.

On an instance their scripts are JavaScript; here an app brings functions. As there, a service exists while it has an
active record.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from mock_servicenow.now_platform.errors import SoapError
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.soap.direct_services import check_soap_role
from mock_servicenow.now_platform.rest.soap.soap_message import SoapRequest, Writer, elements

EXECUTE = "execute"
SERVICES = "sys_web_service"
ROLES = ("soap", "soap_script")


class ScriptedService(Struct, frozen=True):
    """One service.

    Attributes:
        run: returns the outputs for the inputs, each of which is there; it may raise PlatformError.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[[Session, Mapping[str, str]], Mapping[str, str]]

    def answer(self, instance: Instance, call: Call, request: SoapRequest, writer: Writer) -> Answer:
        """Answer a request; raises PlatformError."""
        if request.operation.name != EXECUTE:
            raise SoapError(f"Unsupported SOAP operation {request.operation.name}")
        given = request.operation.values
        with instance.transaction(call.user, call.findings) as session:
            check_soap_role(session, ROLES)
            outputs = self.run(session, {name: given.get(name, "") for name in self.inputs})
        return writer.answer(elements({name: outputs.get(name, "") for name in self.outputs}).encode())


def service_of(session: Session, services: Mapping[str, ScriptedService], name: str) -> ScriptedService | None:
    """Return the service of that name; None without an active record of it."""
    service = services.get(name)
    if service is None or session.elevated.find(SERVICES, name=name, active="true") is None:
        return None
    return service
