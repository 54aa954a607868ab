"""`./dev screenshots`: pictures of every page, at two widths, on a light and on a dark screen."""

import argparse
import shutil
import tempfile
from itertools import chain, product
from pathlib import Path
from typing import Literal

from support.browsers.app_hosts import open_host
from support.browsers.app_views import app_views
from support.browsers.tour import console_tour, running_chromium, running_sights, tour

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
WIDTHS = {1280: 800, 390: 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
KEPT = (
    "sign-in-1280-light.png",
    "consent-1280-light.png",
    "consent-390-dark.png",
    "account-apps-390-light.png",
    "connect-1280-light.png",
    "app-table-1280-light.png",
    "app-form-390-dark.png",
    "console-usage-apis-1280-light.png",
)
"""The pictures that README and docs show."""


def main() -> None:
    """Start the product, walk through it, write `NAME-WIDTH-SCHEME.png`."""
    parser = argparse.ArgumentParser(prog="./dev screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".pictures", help="the folder for all")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    parser.add_argument("--keep", action="store_true", help="also those of docs/pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for (width, height), scheme in product(WIDTHS.items(), SCHEMES):
        # The tour deletes an account and accepts invitations, so each walk needs a new product.
        with (
            tempfile.TemporaryDirectory(prefix="gatepost-pictures-") as name,
            running_sights(Path(name)) as sights,
            running_chromium() as chromium,
            chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                locale="en-GB",
                timezone_id="Europe/Berlin",
            ) as context,
        ):
            page = context.new_page()
            for shown in chain(tour(page, sights), console_tour(page, sights)):
                picture = f"{shown}-{width}-{scheme}.png"
                if options.keep and picture in KEPT:
                    page.screenshot(path=PICTURES / picture)
                if shown.startswith(options.only):
                    whole = page.evaluate("document.documentElement.scrollHeight")
                    page.set_viewport_size({"width": width, "height": whole})
                    page.screenshot(path=options.out / picture)
                    page.set_viewport_size({"width": width, "height": height})
    take_pictures_of_apps(options.out, keep=options.keep)


def take_pictures_of_apps(out: Path, *, keep: bool) -> None:
    """Take the pictures of apps, which are as high as a host makes them."""
    for width, scheme in product(WIDTHS, SCHEMES):
        with (
            tempfile.TemporaryDirectory(prefix="gatepost-pictures-") as name,
            running_chromium() as chromium,
            open_host(
                chromium, viewport={"width": width, "height": 100}, color_scheme=scheme
            ) as host,
        ):
            for shown in app_views(host, Path(name), theme=scheme):
                picture = f"{shown}-{width}-{scheme}.png"
                host.page.screenshot(path=out / picture, full_page=True)
                if keep and picture in KEPT:
                    shutil.copy(out / picture, PICTURES / picture)


main()
