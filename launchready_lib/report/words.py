"""Words for founders: every technical term is explained where it is first read, and listed at the end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

from markupsafe import Markup, escape

TERMS: dict[str, tuple[str, str]] = {
    # term: (what the letters stand for, what it is)
    "AAAA": ("a DNS record type", "the record that holds a name's newer, longer address"),
    "ALIAS": ("a DNS record type", "a record that lets the bare domain follow another name"),
    "API": ("application programming interface", "the door through which programs talk to your app"),
    "ASN": ("autonomous system number", "the number of a company's network"),
    "CA": ("certification authority", "a company that issues certificates"),
    "CAA": ("certification authority authorization", "a record naming who may issue your certificates"),
    "CDN": ("content delivery network", "servers near members that keep copies of your files"),
    "CI": ("continuous integration", "the machine that tests and builds each change"),
    "CNAME": ("canonical name", "a record that makes one name follow another"),
    "CORS": ("cross-origin resource sharing", "the rule which other sites may read your data"),
    "CPU": ("central processing unit", "the part of a computer that computes"),
    "CSP": ("content security policy", "the list of what a page may load and run"),
    "CSRF": ("cross-site request forgery", "another site acting in a member's name"),
    "CSV": ("comma-separated values", "a plain table file"),
    "DDoS": ("distributed denial of service", "a flood of requests meant to take a site down"),
    "DKIM": ("DomainKeys identified mail", "the signature that proves a mail is yours"),
    "DMARC": ("domain-based message authentication, reporting and conformance",
              "the rule what mail services do with mail forged in your name"),
    "DNS": ("domain name system", "the internet's address book"),
    "DNSSEC": ("DNS security extensions", "signatures that keep the address book from being forged"),
    "DS": ("delegation signer", "the fingerprint that ties a signed domain to its registry"),
    "ECDHE": ("elliptic-curve Diffie-Hellman, ephemeral", "a new key for every visit"),
    "EPP": ("extensible provisioning protocol", "how registrars talk to the registry; it names the locks on a domain"),
    "FCP": ("first contentful paint", "when the first text or picture shows"),
    "HSTS": ("HTTP strict transport security", "the note that tells browsers to use encryption only"),
    "HTML": ("hypertext markup language", "what pages are written in"),
    "HTTP": ("hypertext transfer protocol", "how browsers ask for pages"),
    "HTTPS": ("HTTP secured", "encrypted pages, with the padlock in the address bar"),
    "IANA": ("Internet Assigned Numbers Authority", "the body that keeps the internet's central lists"),
    "ID": ("identifier", "a number or word that tells things apart"),
    "IMAP": ("internet message access protocol", "how programs read a mailbox"),
    "IP": ("internet protocol", "its addresses are the phone numbers of machines"),
    "JSON": ("JavaScript object notation", "a text form for data"),
    "JWT": ("JSON web token", "a signed ticket that says who is signed in"),
    "LCP": ("largest contentful paint", "when the main part of a page shows"),
    "MIME": ("multipurpose internet mail extensions", "labels that say what a file is"),
    "MTA-STS": ("mail transfer agent strict transport security", "the rule that mail to you travels encrypted"),
    "MX": ("mail exchanger", "the record that says where your mail is delivered"),
    "NS": ("name server", "the machine that answers for your domain"),
    "OCSP": ("online certificate status protocol", "how a certificate is checked for withdrawal"),
    "ORM": ("object-relational mapper", "the code layer that writes database questions"),
    "p50": ("50th percentile", "half of the requests are faster"),
    "p95": ("95th percentile", "95 of 100 requests are faster"),
    "PHP": ("PHP hypertext preprocessor", "a programming language"),
    "RDAP": ("registration data access protocol", "the public register of who holds a domain"),
    "RFC": ("request for comments", "an internet standard"),
    "SMTP": ("simple mail transfer protocol", "how mail travels between servers"),
    "SNI": ("server name indication", "how a browser says which site it wants"),
    "SOA": ("start of authority", "the record that says which copy of the address book is current"),
    "SPF": ("sender policy framework", "the list of servers that may send your mail"),
    "SQL": ("structured query language", "how programs ask a database"),
    "SSH": ("secure shell", "an encrypted way into a server"),
    "SSL": ("secure sockets layer", "the older name of TLS, still used for the padlock"),
    "TCP": ("transmission control protocol", "the connection under web and mail"),
    "TLS": ("transport layer security", "the encryption behind the padlock"),
    "TLS-RPT": ("TLS reporting", "reports on mail that could not be encrypted"),
    "TTI": ("time to interactive", "when a page reacts to a tap"),
    "TTL": ("time to live", "how long an answer may be remembered"),
    "TXT": ("text record", "a note in the address book, read by machines"),
    "UDP": ("user datagram protocol", "short messages between machines, as the address book uses"),
    "UI": ("user interface", "what people see and touch"),
    "URL": ("uniform resource locator", "a web address"),
    "VCS": ("version control system", "the history of the code"),
    "XSS": ("cross-site scripting", "foreign code running in a member's page"),
}  # fmt: skip
_TERM = re.compile(
    r"(?<![\w.-])(" + "|".join(sorted(map(re.escape, TERMS), key=len, reverse=True)) + r")s?(?!\w|-[A-Z])"
)
_RECORD = re.compile(r"\bIN $")
"""What stands before the type in a line of a zone file."""


class Words:
    """Writes text in the order in which it is read, and remembers which terms were explained.

    Everything it returns is escaped; what it is given is text, never markup.
    """

    def __init__(self) -> None:
        self.explained: set[str] = set()
        self.used: set[str] = set()
        self._owed: list[str] = []

    def say(self, text: object) -> Markup:
        """A sentence: a term that was not explained yet is, in brackets behind it."""
        return self._written(text, lambda term: self._explain(term, Markup(" ({})").format(TERMS[term][1])))

    def folded(self, text: object) -> Markup:
        """A sentence that many will never unfold: terms are marked, and explained again where they are next read."""
        return self._written(text, lambda _: Markup())

    def heading(self, text: object) -> Markup:
        """A heading: what it would have to explain is owed, to be said by `owed` right below."""

        def owe(term: str) -> Markup:
            self._owed.append(term)
            return self._explain(term, Markup())

        return self._written(text, owe)

    def owed(self) -> Markup:
        """What the headings since the last call left unexplained."""
        terms, self._owed = self._owed, []
        parts = [Markup("<dfn>{}</dfn>: {}").format(term, TERMS[term][1]) for term in terms]
        return Markup('<p class="owed">{}.</p>').format(Markup("; ").join(parts)) if parts else Markup()

    def glossary(self) -> list[tuple[str, str, str]]:
        """Every term that was used: term, what it stands for, what it is."""
        return [(term, *TERMS[term]) for term in sorted(self.used, key=str.casefold)]

    def _explain(self, term: str, explanation: Markup) -> Markup:
        self.explained.add(term)
        return explanation

    def _written(self, text: object, explained: Callable[[str], Markup]) -> Markup:
        parts, done = [], 0
        plain = "" if text is None else str(text)
        for found in _TERM.finditer(plain):
            term = found[1]
            if _RECORD.search(plain, max(0, found.start() - 12), found.start()):
                continue  # within a line that is meant to be copied
            self.used.add(term)
            if term in self.explained:
                continue
            parts += [
                escape(plain[done : found.start()]),
                Markup('<abbr title="{}">{}</abbr>').format(TERMS[term][0], found[0]),
                explained(term),
            ]
            done = found.end()
        return Markup().join([*parts, escape(plain[done:])])


def hours(amount: float | None) -> str:
    """Working hours as people say them: `45 min`, `1.5 h`."""
    if not amount:
        return "0 h"
    return f"{amount * 60:.0f} min" if amount < 1 else f"{amount:.4g} h"


def day(at: date | datetime) -> str:
    """A day without a comma: `24 November 2026`."""
    return f"{at.day} {at:%B %Y}"


def figure(value: object, unit: str) -> str:
    """A measured figure with its unit, ratios as per cent."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "not measured"
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 fault`, `3 faults`, `no faults`."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number or 'no'} {word}"


def listed(words: list[str]) -> str:
    """Words as a sentence lists them: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def upfirst(text: str) -> str:
    """A sentence's first letter in upper case; a host, file or setting at its beginning stays as it is."""
    first = text.split(" ", 1)[0].rstrip(".,:;")
    return text if re.search(r"[._/:@\d]", first) else text[:1].upper() + text[1:]


def short(text: str, letters: int = 110) -> str:
    """A sentence cut behind a part of it that stands alone, or at least behind a word."""
    if len(text) <= letters:
        return text
    for end in ("; ", ". ", ": "):
        if 2 * (part := text[: letters + 1].rfind(end)) >= letters:
            return f"{text[:part]} …"
    return text[:letters].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def isoday(text: object) -> str:
    """An ISO date in words; anything else as it is."""
    try:
        return day(date.fromisoformat(str(text)))
    except ValueError:
        return str(text)


def sentence(text: str | None) -> str:
    """A sentence with a capital and a full stop; what ends in a mark or a quote is left as it ends."""
    said = upfirst((text or "").strip())
    return f"{said}." if said and (said[-1].isalnum() or said[-1] == ")") else said
