"""The app's roles, and the three users that its prerequisites name (integration 1)."""

from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.tables import INTEGRATION_ROLES, AppTables

ADMIN, APPROVER, INTEGRATION = "privman.admin", "privman.approver", "privman.integration"
USER_IDS = [seed_id("sys_user", name) for name in (ADMIN, APPROVER, INTEGRATION)]


def add_roles_and_users(session: Session, tables: AppTables, password: str) -> None:
    """Store the app's roles, unless the platform has one of that name, and one user for each part to play."""
    roles = {role["name"]: role.sys_id for role in session.find_all("sys_user_role")}
    for role in (tables.admin_role, tables.approver_role):
        if role not in roles:
            roles[role] = seed_id("sys_user_role", role)
            session.insert("sys_user_role", {"sys_id": roles[role], "name": role})
    _add_user(session, ADMIN, password, roles[tables.admin_role])
    _add_user(session, APPROVER, password, roles[tables.approver_role])
    _add_user(session, INTEGRATION, password, *(roles[role] for role in INTEGRATION_ROLES))


def _add_user(session: Session, user_name: str, password: str, *roles: str) -> None:
    sys_id = seed_id("sys_user", user_name)
    name = user_name.replace(".", " ").title()
    session.insert("sys_user", {"sys_id": sys_id, "user_name": user_name, "name": name, "user_password": password})
    for role in roles:
        session.insert("sys_user_has_role", {"user": sys_id, "role": role})
