"""The book's notebooks in plain Markdown, which every Jupyter shows.

The pages are built from MyST, whose directives, citations and references only the
book understands. Here each becomes what it says: a quotation, a name with a year, a
link to another notebook.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

FENCE = re.compile(r"(:{3,}|`{3,})\{([\w-]+)\}[ ]*(.*)")
ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
PAGE = re.compile(r"^\(([\w-]+)\)=\n#+ (.+)", re.MULTILINE)
TARGET = re.compile(r"^\(([\w-]+)\)=\n", re.MULTILINE)
EXERCISE = re.compile(r"\{exercise-start\}[ ]*(.*)\n:label: ([\w-]+)")
SPACES = re.compile(r"\n{3,}")


@dataclass
class Labels:
    """Where references of the book lead to.

    Attributes
    ----------
    places : dict of str to (str, str)
        Notebook and title by label: chapters, figures and exercises; of the book's
        other pages only the title.
    entries : dict of str to pybtex.database.Entry
        The bibliography by key.
    """

    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


def read_labels(notebooks: list[Path], book: Path) -> Labels:
    """Collect what the notebooks may refer to.

    Parameters
    ----------
    notebooks : list of pathlib.Path
        The chapters in their order.
    book : pathlib.Path
        The folder of the other pages and of ``references.bib``.

    Returns
    -------
    Labels
        Chapters by their own title, exercises as "Exercise 1.2", figures as "figure".
    """
    labels = Labels(entries=dict(parse_file(book / "references.bib").entries))
    for page in book.glob("*.md"):
        for label, title in PAGE.findall(page.read_text("utf-8")):
            labels.places[label] = "", title
    for path in notebooks:
        chapter, count = path.stem.partition("_")[0].removeprefix("0"), 0
        for cell in nbformat.read(path, as_version=4).cells:
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            if "name" in figure:
                labels.places[figure["name"]] = path.name, "the figure"
            for _, label in EXERCISE.findall(cell.source):
                count += 1
                labels.places[label] = path.name, f"Exercise {chapter or 0}.{count}"
            for found in TARGET.finditer(cell.source):
                title = re.match(r"#+ (.+)", cell.source[found.end() :])
                if title:
                    labels.places[found[1]] = path.name, title[1]
    return labels


def authors(entry: Entry) -> str:
    """Return the authors as they are cited: one, two, or the first "et al."."""
    names = [" ".join([*p.prelast_names, *p.last_names]) for p in
             entry.persons.get("author", entry.persons.get("editor", []))]  # fmt: skip
    names = [str(Text.from_latex(name)) for name in names]
    if len(names) > 2:
        return f"{names[0]} et al."
    return " and ".join(names) or entry.fields.get("title", "").strip("{}")


def cite(keys: str, entries: dict[str, Entry], *, inside: bool) -> str:
    """Return a citation by author and year, all of it in brackets if ``inside``."""
    cited = [entries[key.strip()] for key in keys.split(",")]
    years = [(authors(one), one.fields.get("year", "")) for one in cited]
    if inside:
        return "(" + "; ".join(f"{who} {year}" for who, year in years) + ")"
    return "; ".join(f"{who} ({year})" for who, year in years)


def reference(entry: Entry) -> str:
    """Return one line of a list of references."""
    known = {key: str(Text.from_latex(text)) for key, text in entry.fields.items()}
    where = known.get("journal") or known.get("booktitle") or known.get("publisher")
    link = f"https://doi.org/{known['doi']}" if "doi" in known else known.get("url")
    parts = [f"{authors(entry)} ({known.get('year', 'no year')}). {known['title']}"]
    parts += [part for part in (where, link) if part]
    return "* " + ". ".join(parts) + "."


def link_to(label: str, text: str, labels: Labels) -> str:
    """Return a link to a chapter or an exercise; only text for other pages."""
    notebook, title = labels.places.get(label, ("", label))
    if notebook:
        return f"[{text or title}]({notebook})"
    return text or f"“{title}” (a page of the book)"


def convert_roles(text: str, labels: Labels) -> str:
    """Replace the roles and links of the book in running text."""

    def role(found: re.Match[str]) -> str:
        kind, content = found.groups()
        if kind.startswith("cite"):
            return cite(content, labels.entries, inside=kind != "cite:t")
        if kind == "math":
            return f"${content}$"
        named = re.fullmatch(r"(.*?)\s*<([^>]+)>", content, re.DOTALL)
        if kind in ("ref", "numref", "doc", "eq"):
            shown, label = named.groups() if named else ("", content)
            return link_to(label, shown, labels)
        return named[1] if named else content

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        is_label = target in labels.places or re.fullmatch(
            r"(ch|fig|ex)-[\w-]+", target
        )
        return link_to(target, text, labels) if is_label else found[0]

    text = ROLE.sub(role, text)
    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", link, text)


def quote(title: str, body: str) -> str:
    """Return an admonition as a quotation with a bold title."""
    inside = f"**{title}**\n\n{body}".strip()
    return "\n".join(f"> {line}".rstrip() for line in inside.splitlines())


def fold(title: str, body: str) -> str:
    """Return text that is folded under its title."""
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def directive(
    name: str, title: str, options: dict[str, str], body: str, labels: Labels
) -> str:
    """Return a directive as plain Markdown."""
    if name == "exercise-start":
        return f"### {labels.places[options['label']][1]}: {title}"
    if name == "math":
        return f"$$\n{body}\n$$"
    if name in ("code-block", "code", "sourcecode"):
        return f"```{title}\n{body}\n```"
    if name in ("figure", "image"):
        return body
    if name in ("dropdown", "details") or "dropdown" in options.get("class", ""):
        return fold(title or name.capitalize(), body)
    if name == "list-table":
        return quote(title, body)
    return quote(title if name == "admonition" else name.capitalize(), body)


def convert(
    source: str, labels: Labels, special: dict[str, Callable[[str], str]] | None = None
) -> str:
    """Return a Markdown cell of the book as plain Markdown.

    Parameters
    ----------
    source : str
        The cell.
    labels : Labels
        Where references lead to.
    special : dict of str to function, optional
        What else to make of some directives, from their title.

    Returns
    -------
    str
        The text, which may be empty.
    """
    special = special or {}
    lines, out = TARGET.sub("", source).splitlines(), []
    while lines:
        line = lines.pop(0)
        found = FENCE.fullmatch(line)
        if not found:
            out.append(line)
            continue
        fence, name, title = found.groups()
        body: list[str] = []
        while lines and lines[0].rstrip() != fence:
            body.append(lines.pop(0))
        del lines[:1]
        options: dict[str, str] = {}
        while body and (option := re.fullmatch(r":([\w-]+):\s*(.*)", body[0])):
            options[option[1]] = option[2]
            del body[0]
        if name in special:
            out.append(special[name](title))
        else:
            inner = convert("\n".join(body).strip("\n"), labels, special)
            out.append(directive(name, title, options, inner, labels))
    text = convert_roles("\n".join(out), labels)
    return SPACES.sub("\n\n", text).strip("\n")


def cited(sources: list[str], entries: dict[str, Entry]) -> str:
    """Return the list of references that some cells cite."""
    keys = {key.strip() for source in sources for kind, keys in ROLE.findall(source)
            if kind.startswith("cite") for key in keys.split(",")}  # fmt: skip
    return "\n".join(sorted(reference(entries[key]) for key in keys))
