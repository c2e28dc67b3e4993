"""A value by itself: is it a placeholder, could it be a secret, how is it named without being shown."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

from launchready_lib.sources.credentials.grammars import DOCUMENTED

_SALT = b"launchready/fingerprint/1"
_ROUNDS = 20_000

_SECRET_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api_?key|access_?key|auth_?key|private_?key|encryption_?key|"
    r"signing_?key|master_?key|license_?key|account_?key|shared_?key|service_?key|server_?key|hash_?key|credentials?|"
    r"webhook_?url|dsn|salt|auth|_key|_pw|_pass)(?:_?(?:live|prod|production|base|value|staging|dev|[0-9]))*\Z"
)
_PASSWORD_NAME = re.compile(r"pass|pwd|_pw\Z")
_URL_NAME = re.compile(r"(?:_ur[il]|_dsn|_conn(?:ection)?(?:_?string)?|database|redis|mongo\w*)\Z")
_PUBLIC_NAME = re.compile(
    r"(?:\A(?:next_public|vite|react_app|public|expo_public|nuxt_public|gatsby)_)|publishable|public_?key|site_?key|anon_?key|"
    r"client_?id|sentry_dsn|\Adsn"
)
_NOT_SECRET_NAME = re.compile(r"(?:primary|foreign|sort|partition|cache|idempotency|translation|i18n|row|group)_?key")
_PLACEHOLDER = re.compile(
    r"""(?ix)\A(?:
      change.?(?:me|it|this|in).*|.*change[-_ ]?me.*|replace.?(?:me|this|with).*|to.?be.?(?:set|filled|replaced|done).*|
      todo.*|tbd|fixme.*|set.?(?:me|this)|fill.?(?:me|this|in).*|none|null|nil|undefined|n/?a|empty|
      your[-_ ].*|.*[-_]your[-_].*|.*your[-_ ]?(?:api|secret|token|password|key|app|own|project).*|
      my[-_ ]?(?:secret|password|token|api|key).*|
      (?:a|the|some|any)[-_ ](?:secret|key|token|password|long|random|strong).*|insert.*|enter.*|
      put.?your.*|add.?your.*|
      .*(?<!\.)example.*|.*\bexample\.(?:com|org|net)\b.*|
      .*placeholder.*|.*dummy.*|.*sample.*|.*fake.*|.*not[-_ ]?(?:a[-_ ])?(?:real|secret|used).*|
      .*redacted.*|
      (?:xxx|yyy|zzz|\*\*\*|\.\.\.|___|---|abc123|foo|bar|baz|qux|lorem|deadbeef|1234).{0,40}|.*x{5,}.*|.*\*{4,}.*|.*\.{3,}.*|.*0{8,}.*|
      <.*>|\[.*\]|\{\{.*\}\}|%\(?\w+\)?s?%?|\$\{?[\w.:-]+\}?.*|\$\(.*|\#\{.*\}|@@.*@@|__\w+__|
      pass(?:word|wd)?\d{0,4}!?|secret\d{0,4}|token|key|api[-_]?key|admin\d{0,4}|root|user(?:name)?|test(?:ing|er)?[-_]?\w{0,12}|
      postgres(?:ql)?|mysql|mariadb|redis|guest|default|dev(?:elopment)?|local(?:host)?|qwerty\w*|letmein|hunter2|
      true|false|yes|no|on|off|\d{1,7}|(?:dev|local|ci|test|build)[-_](?:only|secret|password|token|key|pass)\w*|
      [a-z]+(?:[-_][a-z]+)*[-_](?:password|secret|token|key|pass)
    )\Z"""
)
_REFERENCE = re.compile(
    r"""(?ix)\A(?:
      process\.env|import\.meta|os\.(?:environ|getenv)|env[(.\[]|ENV[\[.]|config[(.\[]|getenv\(|secrets?[.(\[]|vault[:.]|
      op://|arn:aws|projects/.*/secrets|ref\+|ssm:|sm://|akv://|doppler|\!\w|file:|/run/secrets|/etc/|\./|\.\./|~/|self\.|settings\.|
      var\.|local\.|data\.|module\.|output\.|kms:|enc\[|AQICAH
    )"""
)
_WORDS_ONLY = re.compile(r"[A-Za-z][a-z]*(?:[-_ .][A-Za-z][a-z]*)*\Z")
_HASHED = re.compile(r"\A(?:\$2[aby]?\$|\$argon2|\$6\$|\$5\$|\$1\$|\$apr1\$|pbkdf2_|scrypt:|\{SSHA\}|ENC\[|vault:v1:)")


def fingerprint(value: str) -> str:
    """Eight characters that name a value in reports and in repository.known_secrets, costly to guess it from."""
    return hashlib.pbkdf2_hmac("sha256", value.encode("utf-8", "surrogatepass"), _SALT, _ROUNDS, dklen=4).hex()


def masked(value: str) -> str:
    """Show a value's published prefix and length, nothing more."""
    prefix = re.match(
        r"(?:[a-z]{2,8}[_-](?:live|test|secret|pat|proj|api\w*|publishable|ant)?[_-]?)|AKIA|SG\.|eyJ", value
    )
    shown = prefix[0][:14] if prefix and len(value) >= len(prefix[0]) + 12 else ""
    return f"{shown}… ({len(value)} characters)"


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def is_placeholder(value: str) -> bool:
    """Tell whether a value only holds the place of one, or is a well-known default."""
    text = value.strip()
    return (
        not text
        or len(set(text)) <= 2
        or bool(_PLACEHOLDER.match(text[:200]))
        or text in DOCUMENTED
        or _is_sequence(text)
    )


def is_reference(value: str) -> bool:
    """Tell whether a value only says where the real one is kept, or is a one-way hash."""
    return bool(_REFERENCE.match(value)) or bool(_HASHED.match(value))


def _is_sequence(text: str) -> bool:
    runs = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "9876543210")
    return len(text) >= 6 and any(text.lower() in run * 8 for run in runs)


def snake(name: str) -> str:
    """A setting's name in one spelling: `stripeSecretKey`, `stripe.secret-key` and `STRIPE_SECRET_KEY` are the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:200])
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def is_secret_name(name: str) -> bool:
    """Tell whether a setting of this name holds a secret."""
    spelled = snake(name)
    return (
        bool(_SECRET_NAME.search(spelled)) and not _PUBLIC_NAME.search(spelled) and not _NOT_SECRET_NAME.search(spelled)
    )


def is_public_name(name: str) -> bool:
    """Tell whether a setting of this name is made to be seen."""
    return bool(_PUBLIC_NAME.search(snake(name)))


def is_url_name(name: str) -> bool:
    """Tell whether a setting of this name holds an address, such as a database's."""
    return bool(_URL_NAME.search(snake(name)))


def is_credible(name: str, value: str) -> bool:
    """Tell whether the value of a secret's setting can be a real one."""
    text = value.strip()
    if is_placeholder(text) or is_reference(text) or any(char.isspace() for char in text) or len(text) > 8_000:
        return False
    if "(" in text or re.fullmatch(r"https?://[^@?]*", text):
        return False
    if _PASSWORD_NAME.search(snake(name)):
        return len(text) >= 6 and (len(text) >= 14 or not _WORDS_ONLY.match(text))
    if _WORDS_ONLY.match(text) and len(text) < 32:
        return False
    return len(text) >= 12 and entropy(text) >= 2.8
