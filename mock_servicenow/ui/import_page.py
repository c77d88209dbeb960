"""Import XML: ``/upload.do`` and ``/sys_upload.do``."""

from http import HTTPStatus

from aiohttp import web

from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.xml_import import import_xml
from mock_servicenow.now_platform.provisioning.xml_records import XmlDocument
from mock_servicenow.now_platform.users import ADMIN_ROLE
from mock_servicenow.ui.instance_gate import InstanceVisit, own_page
from privman_core.findings import Findings
from privman_core.pages.rendering import see
from privman_core.pages.site import PageError

MOST_BYTES = 2 * 1024 * 1024
"""Bytes of an uploaded form."""
MOST_RECORDS = 2_000
"""Importing so many takes about half a second, during which an embedded database answers no other request."""
_FILE = "attachFile"


class ImportPage:
    """A form that takes an XML file, for administrators."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show the form; raises PageError for a user who is no administrator."""
        _require_admin(visit)
        return await self._form(visit, visit.query.get("sysparm_target", ""), "")

    async def upload(self, visit: InstanceVisit) -> web.Response:
        """Import the posted file, then redirect to the list that it came from, or show what was left out.

        Raises PageError as `show` does.
        """
        _require_admin(visit)
        target, file = visit.form.value("sysparm_target"), visit.form.file(_FILE)
        if file is None:
            return await self._form(visit, target, "is empty; choose an XML file")
        document = XmlDocument(file.name, file.content())
        try:
            left_out = await self._instance.run(lambda: self._import(visit, document))
        except DictionaryError as error:
            return await self._form(visit, target, str(error))
        onward = own_page(visit.form.value("sysparm_referring_url") or (f"{target}_list.do" if target else "/"))
        if not left_out:
            return see(onward)
        return await visit.page("imported.html", title="Import XML", onward=onward, left_out=left_out)

    def _import(self, visit: InstanceVisit, document: XmlDocument) -> list[str]:
        """Import the document; returns what has no effect, a line each."""
        findings = Findings()  # only of records that are stored: they are dropped if the transaction is rolled back
        with self._instance.transaction(visit.user, findings) as session:
            import_xml(session, [document], MOST_RECORDS)
        visit.findings.extend(findings)
        return [f"{each.where}: {each.message}" if each.where else each.message for each in findings]

    async def _form(self, visit: InstanceVisit, target: str, error: str) -> web.Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        referring = visit.query.get("sysparm_referring_url", "") or visit.form.value("sysparm_referring_url")
        shown = {
            "title": "Import XML",
            "target": target,
            "referring": referring,
            "error": error,
            "most": MOST_BYTES >> 20,
        }
        return await visit.page("upload.html", status, **shown)


def _require_admin(visit: InstanceVisit) -> None:
    if not visit.user.has_any((ADMIN_ROLE,)):
        raise PageError(HTTPStatus.FORBIDDEN, "Access denied", "Importing XML requires the role admin.")
