"""Takes the examples out of documents: `examples.py FOLDER DOCUMENT...`.

A block of code whose first line is a comment with nothing but a file's name becomes that file.
"""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```\w+\n((?:#|//) ([\w.-]+\.\w+)\n.*?)^```$", re.MULTILINE | re.DOTALL)

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for old in folder.iterdir():
    if old.is_file():
        old.unlink()
for document in sys.argv[2:]:
    blocks = BLOCK.findall(Path(document).read_text())
    assert blocks, f"{document} has no examples"
    for text, name in blocks:
        (folder / name).write_text(text)
