"""POST /sign-in/begin: lead the owner of an address to the provider of its domain, or to a password."""

from starlette.responses import Response

from auth_server.flow.sign_in_purpose import PostedPurpose
from auth_server.pages.sign_in.page import SignIn
from auth_server.tenancy.customers_providers import find_provider_of_address
from auth_server.web.dependencies import ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post("/sign-in/begin")
async def take_address(
    form: Form, purpose: PostedPurpose, db: ReadingDb, pages: SignIn
) -> Response:
    """Decide by the domain alone, so that the answer does not tell whether the address has an account."""
    purpose.forms.require(form.get("proof"), "sign-in")
    email = (form.get("email") or "").strip()[:320]
    if not email:
        return pages.show(purpose, refusal="no address", status=400)
    name = await find_provider_of_address(db, email)
    if name is not None and name in pages.settings.customers_providers:
        return pages.lead_to(purpose, name, email)
    if pages.settings.has_accounts:
        return pages.show(purpose, email=email, password=True)
    return pages.show(purpose, email=email, refusal="unknown domain")
