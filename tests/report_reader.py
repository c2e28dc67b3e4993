"""Reads a report as a browser's parser does, for tests to ask what is seen."""

import re
from html.parser import HTMLParser

from launchready_lib.report import publication


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, its headings, its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.headings, self.ids = [], [], [], []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self._silent += tag in ("script", "style", "title")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style", "title")

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def html_of(run, tmp_path):
    return publication.write(run.write(tmp_path)).read_text(encoding="utf-8")
