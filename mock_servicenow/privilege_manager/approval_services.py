"""The scripted SOAP services of the older integration, as their stock scripts behave.

They are no part of the scoped app: a task of the console makes their records, and a catalog item for them.
"""

from collections.abc import Mapping

from mock_servicenow.now_platform.errors import SoapError
from mock_servicenow.now_platform.records.kernel import Subject
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.catalog_items import ITEMS, variables
from mock_servicenow.now_platform.rest.catalog_orders import LINKS, OPTIONS, Wanted, order
from mock_servicenow.now_platform.rest.soap.scripted_services import ScriptedService
from mock_servicenow.privilege_manager.wire_formats import GUID
from privman_contracts.wire_names import WireNames

REQUESTED_ITEMS = "sc_req_item"
_CLOSED_INCOMPLETE = "4"
_CANCELLED = "cancelled"
Values = Mapping[str, str]


class ApprovalServices:
    """The services by which a console asks for approval, asks for the decision, and takes a request back."""

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._status = names.group("words.soap_status")
        self._item = names.word("soap_catalog", "item")

    def services(self) -> list[ScriptedService]:
        """Return each service."""
        service, keys = self._names.group("words.soap_service"), self._keys
        return [
            ScriptedService(service["create"], keys("soap_create"), keys("soap_created"), self._create),
            ScriptedService(service["check"], keys("soap_check"), keys("soap_checked"), self._check),
            ScriptedService(service["cancel"], keys("soap_cancel"), keys("soap_cancelled"), self._cancel),
        ]

    def item_of(self, session: Session, request_id: str) -> Record | None:
        """Return the requested item that was made for a RequestId of the console; None for none."""
        options = session.find_all(OPTIONS, value=request_id)
        links = (session.find(LINKS, sc_item_option=option.sys_id) for option in options)
        items = (self._requested(session, link["request_item"]) for link in links if link is not None)
        return next((item for item in items if item is not None), None)

    def status_of(self, item: Record) -> str:
        """Return the canonical status of a requested item: ``approved``, ``rejected``, ``pending`` or ``invalid``."""
        return _word(item)

    def _keys(self, group: str) -> tuple[str, ...]:
        return tuple(self._names.group(f"keys.{group}").values())

    def _create(self, session: Session, inputs: Values) -> Values:
        """Order the catalog item with the inputs as its variables; it waits for approval."""
        system = session.elevated
        name = self._names.key("soap_create", "PMApprovalId")
        session.note_subject(Subject(name, "about", GUID), {name: inputs.get(name, "")})
        item = system.find(ITEMS, name=self._item, active="true")
        if item is None:
            raise SoapError(f"There is no active catalog item '{self._item}'")
        filled = [(each, inputs.get(each["name"], "")) for each in variables(system, item)]
        request = order(system, [Wanted(item, 1, filled)], approved=False)
        requested = system.find_all(REQUESTED_ITEMS, request=request.sys_id)
        return dict.fromkeys(self._keys("soap_created"), requested[0].sys_id)

    def _check(self, session: Session, inputs: Values) -> Values:
        """Return what became of a requested item, with the newest of its comments."""
        given = inputs[self._names.key("soap_check", "PMGetRequestId")]
        item, outputs = self._requested(session.elevated, given), self._names.group("keys.soap_checked")
        if item is None:
            return {outputs["PMApprovalStatus"]: self._status["invalid"]}
        status = self._status[_word(item)]
        return {outputs["PMApprovalStatus"]: status, outputs["PMComment"]: _comment(session.elevated, item)}

    def _cancel(self, session: Session, inputs: Values) -> Values:
        """Close a requested item, incomplete, unless it is closed already."""
        keys, system = self._names.group("keys.soap_cancel"), session.elevated
        item = self._requested(system, inputs[keys["PMCancelRequestId"]])
        if item is None or item["active"] != "true":
            return {}
        values = {"state": _CLOSED_INCOMPLETE, "comments": inputs[keys["PMCancelComment"]]}
        system.update(REQUESTED_ITEMS, item.sys_id, values)
        return dict.fromkeys(self._keys("soap_cancelled"), _CANCELLED)

    def _requested(self, system: Session, sys_id: str) -> Record | None:
        """Return a requested item of the app's catalog item: the services act on no other, whoever calls them."""
        found = system.get(REQUESTED_ITEMS, sys_id)
        item = None if found is None else system.get(ITEMS, found["cat_item"])
        return found if item is not None and item["name"] == self._item else None


def _word(item: Record) -> str:
    """Return the canonical status of a requested item: that of its approval while it can still be decided (I)."""
    approval = item["approval"]
    if approval in {"approved", "rejected"}:
        return approval
    return "pending" if approval == "requested" and item["active"] == "true" else "invalid"


def _comment(system: Session, item: Record) -> str:
    found = system.newest("sys_journal_field", 1, f"element_id={item.sys_id}^element=comments")
    return next((entry["value"] for some in found for entry in some), "")
