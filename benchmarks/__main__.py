"""``make bench``: every benchmark with a bar to reach, one after the other; each prints ratios of its own run."""

import subprocess
import sys
from pathlib import Path

# End to end first: on ext4 new files cost more for minutes after many were deleted, as the others do.
ORDER = (
    "end_to_end",
    "parser",
    "imap",
    "imap_scale",
    "imap_kills",
    "far",
    "kafka",
    "storer",
    "attachments",
    "console",
    "new_mail",
)


def main() -> int:
    """Run the named benchmarks (default: all), each as a process of its own; 1 when one fails."""
    here = Path(__file__).parent
    names = sys.argv[1:] or [name for name in ORDER if (here / f"{name}.py").exists()]
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
