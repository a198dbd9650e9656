"""numcodecs' extension modules are whole, whichever thread imports them first."""

import subprocess
import sys

CODE = """
import threading
from vstore.format.zarr.codec_extensions import extension
failed = []
start = threading.Barrier(8)
def use(name, attribute):
    start.wait()
    try:
        getattr(extension(name), attribute)
    except Exception as error:
        failed.append(error)
uses = [("vlen", "VLenBytes"), ("vlen", "VLenUTF8"), ("zstd", "compress"), ("lz4", "compress")] * 2
threads = [threading.Thread(target=use, args=each) for each in uses]
for each in threads:
    each.start()
for each in threads:
    each.join()
print(failed)
"""


def test_threads_wait_for_each_other() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"
