"""Builds the Python package (PEP 517): what maturin builds, with manual pages, completions and licences put into the wheel.

In: what pip, uv or build ask for. Out: their wheel or sdist. The program inside the wheel is run to print the pages, so a
wheel is built on a machine of the kind that it is for; maturin called by itself makes one without them.
"""

import base64
import copy
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import maturin
import notices
import share
from maturin import (  # noqa: F401, the other hooks are maturin's own
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    complete(Path(wheel_directory) / name)
    return name


def complete(wheel):
    """Adds the files to a wheel, and to its RECORD."""
    done = io.BytesIO()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(done, "w", zipfile.ZIP_DEFLATED) as new:
        members = old.infolist()
        (record,) = [member for member in members if member.filename.endswith(".dist-info/RECORD")]
        (program,) = [member for member in members if ".data/scripts/wandward" in member.filename]
        lines = old.read(record).decode()
        for member in members:
            if member is not record:
                # Writing changes what it is given, and the old one is still read.
                new.writestr(copy.copy(member), old.read(member))
        with tempfile.TemporaryDirectory() as folder:
            runs = Path(old.extract(program, folder))
            runs.chmod(0o755)
            added = share.files(runs)
        # Without a cargo of its own, or without a network for crates that only tests use, a machine still builds for itself.
        try:
            added["share/doc/wandward/LICENSES-THIRD-PARTY.txt"] = notices.text().encode()
        except (OSError, subprocess.CalledProcessError) as error:
            print("the licences of other crates are left out: {}".format(error), file=sys.stderr)
        for path, content in added.items():
            entry = zipfile.ZipInfo(program.filename.split("/")[0] + "/data/" + path, record.date_time)
            entry.external_attr = 0o100644 << 16
            new.writestr(entry, content, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines += "{},sha256={},{}\n".format(entry.filename, digest, len(content))
        new.writestr(record, lines)
    wheel.write_bytes(done.getvalue())
