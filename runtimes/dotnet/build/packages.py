"""Brings the NuGet packages that a project file names, and what they need, into a folder, where there is no SDK to do it.

    packages.py PROJECT OUTPUT CACHE TOOLCHAIN VERSION      VERSION of .NET; TOOLCHAIN/packages has DLLs that came with it

Packages come from the folders that nuget.config names, from the cache, from the toolchain, and from feeds (nuget.org, unless nuget.config clears it). Of each the lowest
version that fits is taken, as NuGet does, or what packages.lock.json says.
"""
import json
import os
import pathlib
import re
import shutil
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml
import zipfile

NUGET = "https://api.nuget.org/v3/index.json"
SECONDS = 30  # to hear from a feed


class Failure(Exception):
    pass


def elements(tree, name):
    """By the name without its namespace: every tool writes another one."""
    return [each for each in tree.iter() if isinstance(each.tag, str) and each.tag.split("}")[-1] == name]


def number(version):
    """To compare: a version before its release is lower than it."""
    plain, _, before = version.split("+")[0].partition("-")
    digits = [int(part) for part in plain.split(".")] + [0] * 4
    return digits[:4], not before, [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in before.lower().split(".")]


def plain(version):
    """As files and addresses have it: 1.0 is 1.0.0."""
    text, dash, before = version.split("+")[0].lower().partition("-")
    parts = [str(int(part)) for part in text.split(".")]
    parts += ["0"] * (3 - len(parts))
    return ".".join(parts[:3] if len(parts) == 4 and parts[3] == "0" else parts) + dash + before


class Range:
    """What a version may be: 1.2 is at least that, [1.2] exactly, [1.2,2) in between."""

    def __init__(self, text):
        self.text = text.strip() or "0"
        if "*" in self.text:
            raise Failure("%s: a floating version takes a .NET SDK on PATH; name one" % self.text)
        body = self.text.strip("[]() ")
        low, comma, high = (part.strip() for part in body.partition(","))
        self.low, self.high = low or "0", high
        self.without_low = self.text.startswith("(")
        self.without_high = self.text.endswith(")")
        if self.text.startswith("[") and not comma:
            self.high = low

    def fits(self, version):
        it, low = number(version), number(self.low)
        if it < low or (self.without_low and it == low):
            return False
        return not self.high or it < number(self.high) or (it == number(self.high) and not self.without_high)

    def best(self, versions):
        return min((each for each in versions if self.fits(each)), key=number, default=None)


class Folder:
    """Packages as files, in one folder or in ID/VERSION/."""

    def __init__(self, place):
        self.place = pathlib.Path(place)

    def __str__(self):
        return str(self.place)

    def versions(self, name):
        found = {}
        for file in [*self.place.glob("*.nupkg"), *self.place.glob("*/*/*.nupkg")]:
            match = re.fullmatch(re.escape(name.lower()) + r"\.(\d+(\.\d+)*(-[^+]*)?)\.nupkg", file.name.lower())
            if match:
                found[match[1]] = file
        return found

    def fetch(self, name, wanted, into):
        found = self.versions(name)
        best = wanted.best(found)
        return best and found[best]


class Feed:
    """A server of NuGet's third protocol."""

    def __init__(self, address):
        self.address, self.base = address, None

    def __str__(self):
        return self.address

    def get(self, address):
        request = urllib.request.Request(address, headers={"Accept": "application/json, application/octet-stream"})
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            return reply.read()

    def fetch(self, name, wanted, into):
        try:
            if self.base is None:
                index = json.loads(self.get(self.address))
                self.base = next(each["@id"].rstrip("/") for each in index["resources"] if each["@type"].startswith("PackageBaseAddress/3"))
            versions = json.loads(self.get("%s/%s/index.json" % (self.base, name.lower())))["versions"]
            best = wanted.best(versions)
            return best and into.keep(name, best, self.get("%s/%s/%s/%s.%s.nupkg" % (self.base, name.lower(), best, name.lower(), best)))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise Failure("%s: %s" % (self, error))
        except (OSError, StopIteration, ValueError, KeyError) as error:
            raise Failure("%s cannot be asked: %s" % (self, error))


class Cache(Folder):
    def keep(self, name, version, content):
        file = self.place / name.lower() / plain(version) / ("%s.%s.nupkg" % (name.lower(), plain(version)))
        file.parent.mkdir(parents=True, exist_ok=True)
        making = file.with_suffix(".%d" % os.getpid())
        making.write_bytes(content)
        making.replace(file)
        return file


class Bundled:
    """A DLL that came with the toolchain, whatever its version."""

    def __init__(self, toolchain):
        self.place = pathlib.Path(toolchain) / "packages"

    def __str__(self):
        return "those of the toolchain (%s)" % ", ".join(sorted(file.stem for file in self.place.glob("*.dll")))

    def fetch(self, name, wanted, into):
        return next((file for file in self.place.glob("*.dll") if file.stem.lower() == name.lower()), None)


def sources(cache, toolchain):
    """Folders before what has to be fetched."""
    folders, feeds = [], [Feed(NUGET)]
    for config in [file for file in pathlib.Path(".").iterdir() if file.name.lower() == "nuget.config"]:
        for group in elements(xml.parse(config), "packageSources"):
            for each in group:
                tag, value = each.tag.split("}")[-1], each.get("value", "")
                if tag == "clear":
                    folders, feeds = [], []
                elif tag == "add" and re.match("https?://", value):
                    feeds.append(Feed(value))
                elif tag == "add":
                    folders.append(Folder(value.replace("\\", "/")))
    return [*folders, cache, Bundled(toolchain), *{feed.address: feed for feed in feeds}.values()]


def kinds(version):
    """Frameworks that fit this one, the nearest first."""
    newest = int(version.split(".")[0])
    return ["net%d.0" % major for major in range(newest, 4, -1)] + ["netcoreapp" + each for each in "3.1 3.0 2.2 2.1 2.0 1.1 1.0".split()] + \
        ["netstandard" + each for each in "2.1 2.0 1.6 1.5 1.4 1.3 1.2 1.1 1.0".split()]


def kind(text):
    """.NETStandard2.0, netstandard2.0 and .NETStandard,Version=v2.0 are one."""
    text = text.lower().replace(",version=v", "").lstrip(".")
    if text.startswith("netcoreapp") and text[10:11] >= "5":
        return "net" + text[10:]
    return text


def nearest(named, known):
    """The value whose framework fits best; what names none fits always."""
    return next((named[each] for each in [*known, "", "any"] if each in named), None)


class Package:
    def __init__(self, name, file, known):
        self.name, self.file, self.needs, self.libraries = name, file, {}, [file]
        if file.suffix == ".dll":
            self.version = None
            return
        self.zip = zipfile.ZipFile(file)
        names = self.zip.namelist()
        about = xml.fromstring(self.zip.read(next(each for each in names if each.endswith(".nuspec") and "/" not in each)))
        self.version = elements(about, "version")[0].text.strip()
        groups = {kind(each.get("targetFramework", "")): each for each in elements(about, "group") if elements(each, "dependency") or "targetFramework" in each.attrib}
        group = nearest(groups, known) if groups else about
        for each in elements(group, "dependency") if group is not None else []:
            self.needs[each.get("id")] = each.get("version", "0")
        if any(re.match(r"runtimes/linux[^/]*/native/.", each) for each in names):
            raise Failure("%s brings a library of machine code, which takes a .NET SDK on PATH" % name)
        libraries = {}
        for each in names:
            parts = each.split("/")
            if parts[0] == "lib" and len(parts) in (2, 3) and parts[-1]:
                libraries.setdefault(kind(parts[1]) if len(parts) == 3 else "", []).append(each)
        chosen = nearest(libraries, known)
        if libraries and chosen is None:
            raise Failure("%s %s has nothing for %s: it is for %s" % (name, self.version, known[0], ", ".join(sorted(libraries))))
        self.libraries = [each for each in chosen or [] if each.endswith(".dll")]

    def put(self, output):
        for each in self.libraries:
            target = output / os.path.basename(each)
            if self.version is None:
                shutil.copyfile(each, target)
            else:
                target.write_bytes(self.zip.read(each))


def wanted_by(project):
    """{name: version} of the project file; versions may be in one file for several projects."""
    central = {}
    for file in pathlib.Path(".").glob("Directory.Packages.props"):
        central = {each.get("Include"): each.get("Version") for each in elements(xml.parse(file), "PackageVersion")}
    out = {}
    for each in elements(xml.parse(project), "PackageReference"):
        if each.get("Include") in (None, "Trivet"):
            continue
        child = elements(each, "Version")
        version = each.get("Version") or (child[0].text if child else None) or central.get(each.get("Include")) or "0"
        if "$(" in version:
            raise Failure("%s %s: a property as version takes a .NET SDK on PATH; write it" % (each.get("Include"), version))
        out[each.get("Include")] = version
    return out


def locked():
    """{name: version}, of the lock file."""
    if not os.path.exists("packages.lock.json"):
        return {}
    frameworks = json.loads(pathlib.Path("packages.lock.json").read_text())["dependencies"]
    return {name: each["resolved"] for packages in frameworks.values() for name, each in packages.items() if "resolved" in each}


def find(name, version, places, cache, known):
    problems = []
    for place in places:
        try:
            file = place.fetch(name, Range(version), cache)
        except Failure as failure:
            problems.append(str(failure))
            continue
        if file:
            return Package(name, file, known)
    raise Failure("package %s %s is in none of %s%s\nPut its .nupkg into a folder that nuget.config names (<add key=\"here\" value=\"packages\"/>), or its DLL into lib/; or install a .NET SDK, which asks NuGet by itself" % (
        name, version, "; ".join(map(str, places)), "".join("\n" + each for each in problems)))


def resolve(project, places, cache, known):
    direct, exact = wanted_by(project), locked()
    chosen, waiting = {}, list(direct.items())
    while waiting:
        name, version = waiting.pop(0)
        key = name.lower()
        version = "[%s]" % exact[name] if name in exact else version
        had = chosen.get(key)
        if had and (had.version is None or key in {each.lower() for each in direct} or number(had.version) >= number(Range(version).low)):
            continue  # what the project says itself, or the higher one
        chosen[key] = find(name, version, places, cache, known)
        waiting += chosen[key].needs.items()
    return [chosen[key] for key in sorted(chosen)]


def main(project, output, place, toolchain, version):
    cache = Cache(place)
    try:
        for package in resolve(project, sources(cache, toolchain), cache, kinds(version)):
            package.put(pathlib.Path(output))
            print("%s %s" % (package.name, package.version or "of the toolchain"))
    except (Failure, xml.ParseError, zipfile.BadZipFile) as failure:
        sys.exit("%s: %s" % (project, failure))


if __name__ == "__main__":
    main(*sys.argv[1:])
