"""`medcl config`: check a settings file, complete it, print its schema."""

import json as json_text
from typing import Annotated

import typer

from medcl.cli.options import Json, Overrides, Settings
from medcl.cli.output import opened


def add_to(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: The root command.
    """
    group = typer.Typer(help="Check a settings file, complete it, print its JSON Schema.")
    for command in (check, show, schema):
        group.command()(command)
    app.add_typer(group, name="config", no_args_is_help=True)


Stage = Annotated[
    str | None,
    typer.Option("--stage", help="Whose settings they are; found from the keys if left out."),
]


def check(
    config: Settings, overrides: Overrides = None, stage: Stage = None, json: Json = False
) -> None:
    """Check a settings file without running it; tells every mistake at once."""
    from medcl.config.stages import load_any

    with opened(json_wanted=json) as output:
        name, _ = load_any(config, stage=stage, overrides=overrides or ())
        output.say(
            f"{config} is a complete and correct {name} file.", "", f"Next: medcl {name} {config}"
        )
        output.record({"stage": name, "valid": True, "next": f"medcl {name} {config}"})


def show(
    config: Settings, overrides: Overrides = None, stage: Stage = None, json: Json = False
) -> None:
    """Print the complete settings, defaults included, as YAML."""
    from medcl.config.stages import load_any
    from medcl.config.writing import dump, plain

    with opened(json_wanted=json) as output:
        _, settings = load_any(config, stage=stage, overrides=overrides or ())
        output.say(dump(settings).rstrip())
        output.record(plain(settings))


def schema(
    stage: Annotated[str | None, typer.Argument(metavar="[STAGE]", help="One stage only.")] = None,
    json: Json = False,
) -> None:
    """Print the JSON Schema of a stage's settings, or of all, for editors and checkers."""
    from medcl.config.stages import STAGES, section_of
    from medcl.config.writing import json_schema

    if stage is None:
        content: dict[str, object] = {name: json_schema(one) for name, one in STAGES.items()}
    else:
        content = json_schema(section_of(stage))
    with opened(json_wanted=json) as output:
        output.record(content)
        if not output.is_json:
            output.say(json_text.dumps(content, indent=2, ensure_ascii=False))
