"""Packs a program as releases carry it: wandward-vX.Y.Z-TARGET.tar.gz, a folder of that name with the program, the licences,
the README, the changelog, manual pages and completions.

In: the program, which must run on this machine, the target that it is for, a folder. Out: the archive in that folder, whose
bytes depend on what it holds alone; its path on standard output.
"""

import gzip
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import notices
import share

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT"]


def main(program, target, folder):
    said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    name = "wandward-v{}-{}".format(said.split()[1], target)
    files = {"wandward" + Path(program).suffix: Path(program).read_bytes()}
    files.update((document, (ROOT / document).read_bytes()) for document in DOCUMENTS)
    files["LICENSES-THIRD-PARTY.txt"] = notices.text().encode()
    files.update(share.files(program))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(name + "/" + path)
            entry.size = len(content)
            entry.mode = 0o755 if path.startswith("wandward") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    path = Path(folder) / (name + ".tar.gz")
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
