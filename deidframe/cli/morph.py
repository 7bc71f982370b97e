"""`deidframe morph`: the strip of faces from one person to another."""

from __future__ import annotations

import argparse

from deidframe.cli.options import add_timeout

HELP = "draw the faces between two people and measure how far each is from both"
EXAMPLE = "deidframe morph a.jpg b.jpg --steps 5"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("a", metavar="A", help="a picture")
    parser.add_argument("b", metavar="B", help="a picture of somebody else")
    parser.add_argument("--use", metavar="SYNTHESIZER", help="an installed synthesizer (default: that of the recipe `folder`)")
    parser.add_argument("--param", action="append", default=[], metavar="KEY=VALUE", help="a parameter of it; may be repeated")
    parser.add_argument("--encoder", metavar="NAME", help="where means are taken (default: that of the recipe `folder`)")
    parser.add_argument(
        "--judge", action="append", default=[], metavar="NAME", help="a further encoder that measures; may be repeated"
    )
    parser.add_argument("--detector", metavar="NAME", help="an installed detector (default: that of the recipe `folder`)")
    parser.add_argument("--steps", type=int, default=7, metavar="N", help="faces, both ends counted (default: 7)")
    parser.add_argument(
        "-o", "--out", default="morph", metavar="NAME", help="write NAME.jpg, NAME.png and NAME.csv (default: morph)"
    )
    parser.add_argument("--offline", action="store_true", help="fetch no weights")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    """Write the strip, the curve and a table. The ends stand for one person each: nothing here is k-anonymous."""
    import tempfile
    from pathlib import Path

    import numpy as np
    from rich.console import Console

    from deidframe.cli.files import new_file, write_private
    from deidframe.cli.show import Bars, Lines
    from deidframe.contract.errors import UsageError
    from deidframe.engine.tools.morph import morph
    from deidframe.guard.hygiene import encode_jpeg
    from deidframe.report.morph_figure import morph_csv, morph_png

    if not 2 <= options.steps <= 101:
        raise UsageError(f"--steps {options.steps}: expected 2 to 101")
    strip, curve, table = (new_file(Path(f"{options.out}{end}")) for end in (".jpg", ".png", ".csv"))
    console = Console(stderr=True)
    reporter = Bars(console) if console.is_terminal else Lines()
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        made = morph(
            Path(options.a),
            Path(options.b),
            np.linspace(0, 1, options.steps).tolist(),
            options.use,
            options.param,
            options.encoder,
            options.judge,
            options.detector,
            Path(scratch),
            reporter,
            offline=options.offline,
        )
    write_private(strip, encode_jpeg(np.concatenate(list(made.pictures), axis=1)))
    write_private(curve, morph_png(made.alphas, made.to_a, made.to_b))
    write_private(table, morph_csv(made.alphas, made.to_a, made.to_b).encode())
    print(f"{strip}\n{curve}\n{table}\nthe ends stand for one person each: nothing here is k-anonymous")
    return 0
