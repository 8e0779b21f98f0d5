"""Take the README's pictures from a running `make demo`, with the password that it names.

`.venv/bin/python docs/take_pictures.py PASSWORD`
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).with_name("pictures")
PAGES = {
    "runs": "/runs",
    "status": "/artifacts/key/status",
}


def main(password: str, url: str) -> None:
    """Log in and save a picture of each page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme="light")
        page.goto(url)
        page.get_by_placeholder("admin:pass").fill(password)
        page.get_by_role("button", name="Login").click()
        page.get_by_text("Dashboard").first.wait_for()
        for name, path in PAGES.items():
            page.goto(url + path, wait_until="networkidle")
            page.wait_for_timeout(3000)
            if "/key/" in path:
                # The page lists all artifacts of a key; the newest comes first.
                page.locator("a[href*='/artifacts/artifact/']").first.click()
                page.wait_for_timeout(3000)
            page.screenshot(path=PICTURES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:4200")
