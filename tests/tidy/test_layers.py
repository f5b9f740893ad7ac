"""Who may import whom: the table of ARCHITECTURE.md, held against every import."""

from __future__ import annotations

import subprocess
import sys

from tests.tidy.source import Module, modules

KIT, KUBE, API, CORE = "rollouts.kit", "rollouts.kube", "rollouts.api", "rollouts.core"
GRAMMAR = {KIT, KUBE, API, CORE, "analysis"}
ROOMS = {"rollouts.traffic", "rollouts.delivery", "rollouts.runs", "rollouts.experiments", "rollouts.gitops"}
FACES = {"rollouts.cli"}
WORLDS = {"rollouts.devplane", "rollouts.simulation"}

MAY_IMPORT: dict[str, set[str]] = {
    "analysis": set(),
    KIT: set(),
    KUBE: {KIT},
    API: {KIT, KUBE, CORE, "analysis"},
    CORE: {KIT, KUBE, "analysis", "rollouts.gitops"},
    "rollouts.traffic": {KIT, KUBE, API, CORE},
    "rollouts.delivery": {*GRAMMAR, "rollouts.traffic"},
    "rollouts.runs": GRAMMAR,
    "rollouts.experiments": GRAMMAR,
    "rollouts.gitops": GRAMMAR,
    "rollouts.shell": {*GRAMMAR, *ROOMS, "rollouts"},
    "rollouts.view": GRAMMAR,
    "rollouts.devplane": {KIT, KUBE, API, CORE, "rollouts"},
    "rollouts.simulation": {*GRAMMAR, *ROOMS, "rollouts.shell", "rollouts.devplane"},
    "rollouts.cli": {*GRAMMAR, *ROOMS, "rollouts", "rollouts.shell", "rollouts.view", "rollouts.devplane"},
    "rollouts": set(),
}
PURE = (
    KIT,
    KUBE,
    API,
    CORE,
    "analysis",
    "rollouts.traffic",
    "rollouts.delivery",
    "rollouts.runs",
    "rollouts.experiments",
    "rollouts.gitops",
    "rollouts.view",
)
DOORS = {
    "analysis.fetch",
    "analysis.__main__",
    "rollouts.api.crds",
}  # the only modules of pure packages that touch the world
WORLDLY = {
    "asyncio",
    "kopf",
    "kubernetes",
    "aiohttp",
    "requests",
    "subprocess",
    "socket",
    "logging",
    "random",
    "time",
    "uuid",
}
HOMES = {  # docs/decisions/0001-dependencies.md says why
    "pydantic": (API,),
    "kopf": ("rollouts.shell",),
    "kubernetes": ("rollouts.shell",),
    "prometheus_api_client": ("analysis.fetch",),
    "click": ("rollouts.cli",),
    "PIL": ("rollouts.cli.png",),
    "lupa": ("rollouts.gitops.health.custom",),
    "cronsim": ("rollouts.kit.cron",),
    "re2": ("analysis", "rollouts.devplane"),
    "aiohttp": ("rollouts.shell", "rollouts.devplane"),
    "msgspec": ("rollouts.shell",),
    "numpy": ("analysis",),
    "prometheus_client": ("rollouts.shell",),
    "jsonpath": ("analysis.providers",),
}


def room_of(dotted: str) -> str:
    parts = dotted.split(".")
    if parts[0] == "analysis":
        return "analysis"
    known = ".".join(parts[:2])
    return known if known in MAY_IMPORT else "rollouts"


def ours(module: Module) -> list[tuple[str, int]]:
    return [(name, line) for name, line in module.imports() if name.split(".")[0] in ("rollouts", "analysis")]


def test_imports_follow_the_directions_of_the_house():
    wrong = [
        f"{module.where}:{line}: {module.room} may not import {name}"
        for module in modules()
        for name, line in ours(module)
        if room_of(name) not in MAY_IMPORT[module.room] | {module.room}
    ]

    assert wrong == []


def test_core_takes_only_the_questions_of_others():
    wrong = [
        f"{module.where}:{line}: {name}"
        for module in modules()
        if module.room == CORE
        for name, line in ours(module)
        if room_of(name) not in (KIT, KUBE, CORE) and not name.startswith(("analysis.asks", "rollouts.gitops.asks"))
    ]

    assert wrong == []


def test_pure_rooms_do_not_reach_for_the_world():
    wrong = [
        f"{module.where}:{line}: {name}"
        for module in modules()
        if module.room in PURE and module.name not in DOORS
        for name, line in module.imports()
        if name.split(".")[0] in WORLDLY or name in ("datetime.datetime.now", "os.environ")
    ]
    wrong += [
        f"{module.where}: {word}"
        for module in modules()
        if module.room in PURE and module.name not in DOORS
        for word in ("datetime.now(", "utcnow(", "os.environ", "await ", "yaml.load(")
        if word in module.text
    ]

    assert wrong == []


def test_a_library_is_imported_only_where_it_is_at_home():
    wrong = [
        f"{module.where}:{line}: {name}"
        for module in modules()
        for name, line in module.imports()
        if (homes := HOMES.get(name.split(".")[0])) and not module.name.startswith(homes)
    ]

    assert wrong == []


def test_nobody_imports_a_face_or_the_simulator():
    wrong = [
        f"{module.where}:{line}: {name}"
        for module in modules()
        for name, line in ours(module)
        if room_of(name) in {"rollouts.simulation", *FACES} and module.room != room_of(name)
    ]

    assert wrong == []


def test_the_judge_loads_without_kubernetes_or_the_controller():
    code = (
        "import sys, analysis, analysis.language, analysis.model\n"
        "heavy = {'rollouts', 'kopf', 'kubernetes', 'aiohttp', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
