"""POST /sign-in/organisation: find the provider of an organisation by the domain of an address."""

from starlette.responses import Response

from auth_server.flow.sign_in_purpose import PostedPurpose
from auth_server.pages.sign_in.page import SignIn
from auth_server.tenancy.customers_providers import find_provider_of_address
from auth_server.web.dependencies import ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post("/sign-in/organisation")
async def find_organisation(
    form: Form, purpose: PostedPurpose, db: ReadingDb, pages: SignIn
) -> Response:
    """Lead to the provider of the address's domain, whether or not the address has an account."""
    purpose.forms.require(form.get("proof"), "sign-in")
    email = (form.get("email") or "")[:320]
    name = await find_provider_of_address(db, email)
    if name is None or name not in pages.settings.customers_providers:
        return pages.show(purpose, email=email, refusal="unknown domain")
    return pages.lead_to(purpose, name)
