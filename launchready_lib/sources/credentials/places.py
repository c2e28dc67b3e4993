"""Where a file stands in a repository: production code, a test, an example, or something nobody runs."""

from __future__ import annotations

import re

_TEST = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__|__mocks__|__fixtures__|fixtures?|testdata|test[-_]data|mocks?|e2e|cypress|playwright|"
    r"stubs?|features|factories|cassettes|snapshots|__snapshots__)/|"
    r"(?:^|/)(?:test_[^/]*|conftest)\.py$|(?:^|/)[^/]*_test\.(?:go|py|rb|ts|js)$|\.(?:test|spec|e2e|stories)\.[a-z]{1,4}$|_spec\.rb$|"
    r"Tests?\.(?:php|java|kt|cs)$"
)
_EXAMPLE = re.compile(
    r"(?i)(?:^|[./_-])(?:examples?|samples?|templates?|dist|defaults?|tmpl|tpl|demo)(?:[./_-]|$)|"
    r"(?:^|/)(?:docs?|documentation|examples?|samples?|website/docs)/|\.(?:md|mdx|rst|adoc)$|(?:^|/)(?:readme|changelog|contributing)"
)
_FOREIGN = re.compile(
    r"(?:^|/)(?:node_modules|vendor|bower_components|\.yarn|\.pnp|third_party|site-packages|dist-packages|Pods)/|"
    r"(?:^|/)(?:package-lock\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|poetry\.lock|uv\.lock|Pipfile\.lock|composer\.lock|"
    r"Gemfile\.lock|go\.sum|Cargo\.lock)$|\.min\.(?:js|css)$|\.(?:map|svg)$"
)
_BUILT = re.compile(r"(?:^|/)(?:dist|build|out|public|static|assets|bundles?|www|\.next|\.output)/")
_BINARY = re.compile(
    r"(?i)\.(?:png|jpe?g|gif|webp|avif|ico|bmp|tiff?|heic|mp[34]|m4[av]|mov|webm|ogg|wav|flac|woff2?|ttf|otf|eot|pdf|psd|ai|sketch|fig|"
    r"wasm|so|dylib|dll|exe|class|pyc|o|a|glb|gltf|fbx)$"
)


def is_test(path: str) -> bool:
    """A file that only tests use."""
    return _TEST.search(path) is not None


def is_example(path: str) -> bool:
    """An example, a template or documentation."""
    return _EXAMPLE.search(path) is not None


def is_foreign(path: str) -> bool:
    """Written by others or by a tool: dependencies, lock files, bundles."""
    return _FOREIGN.search(path) is not None


def is_built(path: str) -> bool:
    """In a folder that tools fill: what stands there was made of code that stands elsewhere."""
    return _BUILT.search(path) is not None


def is_media(path: str) -> bool:
    """Pictures, sounds, fonts, programs: what holds no settings."""
    return _BINARY.search(path) is not None


def holds_secrets_by_name(path: str) -> bool:
    """A file whose name says that it usually holds secrets."""
    return _SECRET_FILE.search(path) is not None and not is_example(path)


_SECRET_FILE = re.compile(
    r"(?i)(?:^|/)(?:\.env[^/]*|[^/]*\.env|\.netrc|\.pgpass|\.npmrc|master\.key|id_[a-z0-9]+|[^/]*\.(?:pem|p12|pfx|key|kdbx|tfstate)|"
    r"credentials[^/]*|secrets?\.[a-z]+|wp-config\.php|local_settings\.py)$"
)
