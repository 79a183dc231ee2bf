"""``python -m infra.mypyc FOLDER``: compile ``services.parser.mime`` with mypyc into FOLDER/lib.

A process of its own for :mod:`infra.compiled`, because mypyc prints and exits. One shared library holds all modules,
so that calls between them are C calls; its files are compiled side by side.
"""

import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Extension
from setuptools._distutils.ccompiler import new_compiler
from setuptools._distutils.sysconfig import customize_compiler

from services.parser.compiled import PACKAGE, sources

ROOT = Path(__file__).parents[1]
_GROUP = "services.parser.mime.group"
_WRONG = "Py_ssize_t slice_len = endn - startn;"
_MENDED = "Py_ssize_t slice_len = endn > startn ? endn - startn : 0;"


def compile_into(folder: Path) -> None:
    """Write an extension module for each source, and the library that they share."""
    compiler = new_compiler()
    customize_compiler(compiler)
    headers = [str(folder / "c"), str(folder / "c" / PACKAGE.relative_to(ROOT)), sysconfig.get_path("include")]

    def compiled(extension: Extension, source: str) -> str:
        objects = compiler.compile(
            [source],
            str(folder / "o"),
            include_dirs=[*headers, *extension.include_dirs],
            extra_postargs=extension.extra_compile_args,
        )
        return objects[0]

    extensions = _extensions(folder)
    _mend_runtime(folder / "c" / "bytes_ops.c")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(each.name, [pool.submit(compiled, each, source) for source in each.sources]) for each in extensions]
        for name, objects in jobs:
            file = name.rpartition(".")[2] + sysconfig.get_config_var("EXT_SUFFIX")
            compiler.link_shared_object([each.result() for each in objects], str(folder / "lib" / file))


def _extensions(folder: Path) -> list[Extension]:
    """The C sources of every module; mypyc exits with its messages where it cannot."""
    return mypycify(
        ["--config-file=pyproject.toml", *(str(path.relative_to(ROOT)) for path in sources())],
        group_name=_GROUP,
        opt_level="2",
        debug_level="0",
        multi_file=True,
        target_dir=str(folder / "c"),
    )


def _mend_runtime(file: Path) -> None:
    """In the runtime of mypyc 2.4.1 a slice of octets that ends before it starts raises; in Python it is empty."""
    code = file.read_text()
    if _WRONG not in code:
        sys.exit(
            f"{file.name} of this mypyc is another one; see whether b'ab'[2:1] is empty there, then change {__name__}"
        )
    file.write_text(code.replace(_WRONG, _MENDED))


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]))
