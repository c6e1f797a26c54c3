"""Writes the archive of a release: functions, layer, template, parameters, guide and checksums.

usage: archive.py ROOT BUILT VERSION ARCHITECTURE DIST

BUILT has a folder with `bootstrap` for each function, as cargo-lambda writes it. The same input gives the same bytes: the
entries are sorted, have a fixed time and fixed permissions, and no owner.
"""

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path

# The earliest time that a zip can hold.
TIME = (1980, 1, 1, 0, 0, 0)
SECONDS = 315532800


def zipped(files):
    """A zip of {name: (mode, bytes)}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, (mode, content) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, TIME)
            # Unix, whatever system writes it: Lambda needs the executable bit.
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return out.getvalue()


def layer(certs):
    """The content of the layer, as certs/Makefile makes it."""
    files = {f"roots/{one.name}": (0o644, one.read_bytes()) for one in (certs / "roots").iterdir()}
    parts = [certs / "README.md", *sorted(certs.glob("*.pem"))]
    files["ca.pem"] = (0o644, b"".join(one.read_bytes() for one in parts))
    return zipped(files)


def functions(template):
    """The binary of each function, by its CodeUri."""
    found = re.findall(r"BuildProperties: \{Binary: ([a-z-]+)\}\n    Properties:\n      CodeUri: (\S+)\n", template)
    if len(found) != template.count("Type: AWS::Serverless::Function\n"):
        raise SystemExit("a function of template.yaml has no Binary or no CodeUri")
    return {uri: binary for binary, uri in found}


def released(template, architecture):
    """The template with zips in place of sources, for one architecture."""
    for uri, binary in functions(template).items():
        build = f"    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties: {{Binary: {binary}}}\n"
        template = once(template, build, "")
        template = once(template, f"CodeUri: {uri}\n", f"CodeUri: {binary}.zip\n")
    template = once(template, "    Metadata: {BuildMethod: makefile}\n", "")
    template = once(template, "ContentUri: certs\n", "ContentUri: layer.zip\n")
    parameter = "    Default: arm64\n    AllowedValues: [arm64, x86_64]\n"
    return once(template, parameter, f"    Default: {architecture}\n    AllowedValues: [{architecture}]\n")


def once(text, old, new):
    if text.count(old) != 1:
        raise SystemExit(f"template.yaml has {text.count(old)} times: {old}")
    return text.replace(old, new)


def content(root, built, version, architecture):
    """The files of the archive."""
    template = (root / "template.yaml").read_text()
    sources = Path(__file__).parent
    files = {"template.yaml": released(template, architecture).encode(), "layer.zip": layer(root / "certs")}
    for binary in functions(template).values():
        bootstrap = (built / binary / "bootstrap").read_bytes()
        files[f"{binary}.zip"] = zipped({"bootstrap": (0o755, bootstrap)})
    files["parameters.json"] = (sources / "parameters.json").read_bytes()
    guide = (sources / "guide.md").read_text().replace("VERSION", version).replace("ARCHITECTURE", architecture)
    files["README.md"] = guide.encode()
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[name] = (root / name).read_bytes()
    sums = [f"{hashlib.sha256(one).hexdigest()}  {name}\n" for name, one in sorted(files.items())]
    files["SHA256SUMS"] = "".join(sums).encode()
    return files


def packed(folder, files):
    """A .tar.gz with all files in one folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, one in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(one), 0o644, SECONDS
            tar.addfile(entry, io.BytesIO(one))
    # The zips are compressed already.
    return gzip.compress(out.getvalue(), compresslevel=6, mtime=0)


def main():
    root, built, version, architecture, dist = sys.argv[1:]
    folder = f"slipway-{version}-{architecture}"
    archive = packed(folder, content(Path(root), Path(built), version, architecture))
    Path(dist).mkdir(parents=True, exist_ok=True)
    place = Path(dist) / f"{folder}.tar.gz"
    place.write_bytes(archive)
    print(f"{hashlib.sha256(archive).hexdigest()}  {place.name} ({len(archive) / 1e6:.1f} MB)")


main()
