"""Run one order's life on the command line, against the simulated channel.

`PYTHONPATH=. .venv/bin/python docs/tell_a_life.py` writes the output of the commands to docs/life.md, and the
papers as pictures to docs/pictures. It needs `pdftoppm`.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from connectors.afterbuy.simulator import Address, Simulator, State, Switches
from tests.support.smtp import SmtpServer

DOCS = Path(__file__).parent
PAGE = DOCS / "life.md"
PICTURES = DOCS / "pictures"
BEGIN, END = "<!-- told by tell_a_life.py -->", "<!-- told until here -->"
NOISE = re.compile(r"\| [A-Z]+ +\||docs\.prefect\.io")
"""Log lines of Prefect, which are left out."""
WARENFLUSS = Path(sys.executable).with_name("warenfluss")


class Life:
    """Runs commands on a separate database and collects the page."""

    def __init__(self, folder: Path, mail_port: int) -> None:
        self.folder, self.told = folder, [BEGIN, ""]
        settings = {
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder / 'warenfluss.db'}",
            "ENV_FILE": folder / "none.env",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": mail_port,
            "MAIL_FROM": "shop@sonnenhof.example",
            "MAIL_TO": "operator@sonnenhof.example",
        }
        own = {f"WARENFLUSS_{name}": str(value) for name, value in settings.items()}
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("WARENFLUSS_", "PREFECT_"))
        }
        self.environment = {**kept, **own, "COLUMNS": "140", "NO_COLOR": "1"}

    def say(self, text: str) -> None:
        """Add a sentence to the page."""
        self.told += [text, ""]

    def do(self, *commands: str, show: bool = True) -> str:
        """Run commands that must succeed; with `show`, add them to the page. Return the last output."""
        block: list[str] = []
        said = ""
        for command in commands:
            done = subprocess.run(
                [str(WARENFLUSS), *shlex.split(command)],
                env=self.environment,
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise SystemExit(f"warenfluss {command}: {done.stdout}{done.stderr}")
            lines = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
            said = "\n".join(line for line in lines if not NOISE.search(line)).strip()
            block += [f"$ warenfluss {command}", *([said] if said else [])]
        if show:
            self.told += ["```console", *block, "```", ""]
        return said

    def paper(self, name: str, command: str) -> None:
        """Draw a paper, save its first page as a picture, and add it to the page."""
        self.do(f"{command} --output {name}.pdf")
        target = PICTURES / f"life-{name}"
        pdf = self.folder / f"{name}.pdf"
        subprocess.run(["pdftoppm", "-r", "60", "-png", "-singlefile", str(pdf), str(target)], check=True)
        self.told += [f"![The {name} as it is printed](pictures/life-{name}.png)", ""]


def tell(life: Life, simulator: Simulator) -> None:
    """Take the order through every step."""
    channel, secrets = simulator.state, simulator.switches
    for command in (
        "tenant add sonnenhof --title Sonnenhof",
        "tenant set sonnenhof --set seller.name='Sonnenhof GmbH' --set seller.address='Hofweg 1' "
        "--set seller.address='04109 Leipzig' --set seller.vat_id=DE123456789 "
        "--set bank.holder='Sonnenhof GmbH' --set bank.iban=DE02120300000000202051",
        f"account add shop --kind afterbuy --tenant sonnenhof --set base_url={simulator.url} "
        f"--secret partner_token={secrets.partner_token} --secret account_token={secrets.account_token} "
        "--set start=2020-01-01 --set payments=warenfluss --set invoices=warenfluss "
        "--set invoices_from=2026-01-01 --set buyer_mails=all --set release=automatic",
        "account mode shop live",
        "bin add A-1",
    ):
        life.do(command, show=False)
    can = channel.add_product("Gießkanne 5 l", ean="KANNE-5", quantity=12, selling_price=Decimal("24.90"))
    bulbs = channel.add_product("Tulpenzwiebeln", ean="TULPE-25", quantity=3, selling_price=Decimal("12.50"))
    life.do("sync article-import --account shop", show=False)
    buyer = Address(
        first_name="Jörg",
        last_name="Beispiel",
        street="Am Graben",
        postal_code="01067",
        city="Dresden",
        mail="joerg@buyer.example",
    )
    theirs = channel.place_order([(can.id, 2), (bulbs.id, 1)], billing=buyer, process=True)
    number, line = theirs.order_id, theirs.items[0].id

    life.say("**It arrives** and is held: its address has no house number.")
    life.do("sync order-import --account shop", f"order show {number}")
    life.say("**It is corrected**, and the channel's payment and shipping methods get a meaning.")
    life.do(
        f"mend address {number} --set 'street=Am Graben 7'",
        "method add Paket --carrier DHL --limits dhl",
        "method map shop payment TRANSFER prepayment",
        "method map shop shipping 'DHL Paket' Paket",
    )
    life.say("**It is paid** and released to the warehouse automatically.")
    life.do(f"order pay {number} --reference 'Auftrag {number}'", "sync order-release --account shop")
    life.paper("confirmation", f"paper confirmation {number}")
    life.say("**It is picked**: each scan counts one unit.")
    life.do("pick create --batch 1", "pick scan 1 KANNE-5 KANNE-5 TULPE-25", "pick close 1")
    life.paper("slip", f"paper slip {number}")
    life.say("**It ships.** The shipment is published to the channel, and the invoice is issued.")
    life.do(
        f"order ship {number} --carrier DHL --tracking 00340434161094000001",
        "sync shipping-sync --account shop",
        "sync invoicing --account shop",
    )
    life.paper("invoice", f"paper invoice {number}")
    life.say("**One of the cans comes back**, is credited and refunded.")
    life.do(
        f"return announce {number} --line {line}=1 --reason 'zu groß'",
        "return receive 1",
        "return credit 1",
        f"order refund {number}",
        "sync payment-sync --account shop",
    )
    life.paper("credit-note", f"paper credit-note {number}")
    life.say("**The buyer is mailed** once about each step.")
    life.do("sync buyer-mail --account shop", "mail list")
    life.say("**The whole order** with every event, and its booking records:")
    life.do(f"order show {number}", "book list")
    life.say("The comparison with the channel finds no difference:")
    life.do("sync stock-export --account shop", "sync reconcile --account shop", "reconcile list")


def main() -> None:
    """Run the steps and write the result between the marks of the page."""
    mail_server = SmtpServer()
    mail_server.start()
    with tempfile.TemporaryDirectory() as folder, Simulator(State(), Switches()) as simulator:
        tell(life := Life(Path(folder), mail_server.port), simulator)
    mail_server.stop()
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(BEGIN)], page[page.index(END) :]
    PAGE.write_text(before + "\n".join([*life.told, after]), encoding="utf-8")


if __name__ == "__main__":
    main()
