"""Names, addresses and account numbers that look right; no person or company is meant."""

from __future__ import annotations

from backoffice.simulate import words
from backoffice.simulate.company.chance import Chance

LANGUAGE = {"DK": "da", "DE": "de", "FR": "fr", "NL": "nl", "US": "en-US", "PH": "en"}
_PLAIN = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "ü": "ue", "ö": "oe", "ä": "ae", "ß": "ss", "'": "", " ": ""})
_IBAN_LENGTH = {"DK": 14, "DE": 18, "NL": 14, "FR": 23}
_FOLDED = str.maketrans("éèêëàâîïôûçÉÈ", "eeeeaaiioucEE")


def person(chance: Chance, land: str) -> tuple[str, str]:
    """First and last name."""
    known = land if land in words.FIRST_NAMES else "US"
    return chance.one_of(words.FIRST_NAMES[known]), chance.one_of(words.LAST_NAMES[known])


def company(chance: Chance, land: str) -> str:
    """A company's name with its legal form."""
    first, second = chance.one_of(words.COMPANY_FIRST), chance.one_of(words.COMPANY_SECOND)
    return f"{first} {second} {words.COMPANY_FORM.get(land, 'Inc.')}"


def address(chance: Chance, land: str) -> tuple[str, str, str]:
    """Street with number, postal code and city."""
    zip_code, city = chance.one_of(words.CITIES[land])
    return f"{chance.one_of(words.STREETS[land])} {chance.whole(1, 140)}", zip_code, city


def mail(local: str, domain: str) -> str:
    """An address in plain letters."""
    text = local.lower().translate(_PLAIN).translate(_FOLDED)
    return f"{''.join(letter for letter in text if letter.isascii())}@{domain}"


def domain(name: str) -> str:
    """A company's domain."""
    plain = "".join(letter for letter in name.lower().translate(_PLAIN).translate(_FOLDED) if letter.isalnum())
    return f"{plain}.example"


def account_number(chance: Chance, land: str) -> str:
    """An IBAN with its check digits, or an account number where there are none."""
    if land not in _IBAN_LENGTH:
        return f"{chance.whole(10_000_000, 99_999_999)}-{chance.whole(1_000_000, 9_999_999)}"
    length = _IBAN_LENGTH[land]
    body = "".join(str(chance.whole(0, 9)) for _ in range(length))
    if land == "NL":
        body = f"BANK{body[:10]}"
    return f"{land}{check_digits(land, body)}{body}"


def check_digits(land: str, body: str) -> str:
    """The two digits of ISO 13616 (98 minus the remainder by 97)."""
    number = "".join(str(int(letter, 36)) for letter in f"{body}{land}00")
    return f"{98 - int(number) % 97:02d}"


def tax_number(chance: Chance, land: str) -> str:
    """A registration number in the country's form."""
    if land == "US":
        return f"{chance.whole(10, 99)}-{chance.whole(1_000_000, 9_999_999)}"
    return f"{land}{chance.whole(10_000_000, 99_999_999)}"
