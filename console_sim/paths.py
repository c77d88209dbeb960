"""Where the console's API is (integration 4)."""

TOKEN = "/Tms/services/api/logon/token"  # noqa: S105 - a path
APPROVE = "/Tms/services/api/v1/approval/approve"
VERSION = "/Tms/services/api/v1/version/Current"
SWAGGER_DOCUMENT = "/Tms/services/swagger/docs/v1"
SWAGGER_PAGE = "/Tms/services/swagger/ui/index"
