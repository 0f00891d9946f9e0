"""Stage 4: the same steps made by both. The first layer that differs, the loss, the gradients, the update.

Both scripts were driven on the first one's weights, batches, targets, masks and gradients, each step anew, in float64
where the script lets itself be put there. So whatever differs here is the second script's own code at that place, and
not what came before.
"""

from __future__ import annotations

import numpy as np

from compare.pairs import layers, losses, rules, updates
from compare.pairs.findings import Finding
from compare.pairs.runs import Runs, gap


def compared(runs: Runs) -> tuple[list[str], list[Finding]]:
    """What of a step differs, and how."""
    facts: list[str] = []
    found = layers.compared(runs)
    if found and not runs.forced:
        facts.append("what comes behind the first difference in the network was not compared")
    loss: list[Finding] = []
    factor: np.ndarray | None = np.ones(len(runs.steps))
    if (runs.forced or not found) and runs.targets_given:
        loss, factor = losses.compared(runs)
    elif not runs.targets_given:
        facts.append(
            "the targets of the first could not be put into the second, so losses and gradients are not compared"
        )
        factor = None
    if (runs.forced or not found) and factor is not None:
        found += gradients(runs, factor, bool(found))
    found = [*found, *loss]
    found += statistics(runs)
    found = _one_decay(runs, [*found, *updates.compared(runs)])
    if not found:
        facts.append(f"{len(runs.steps)} steps from the same weights agree to {worst(runs):.0e}")
    return facts, found


def _one_decay(runs: Runs, found: list[Finding]) -> list[Finding]:
    """A penalty in the loss of the one, and the same as a decay in the optimizer of the other, are one way to train."""
    penalty, decay = (next((f for f in found if f.name == name), None) for name in ("penalty", "weight-decay"))
    if penalty is None or decay is None or penalty.values[1] is None:
        return found
    owner = rules.declared(runs.a if decay.values[0] else runs.b)
    if owner is None or (owner.settings.get("decoupled") and owner.name != "sgd"):
        return found  # It is no part of the gradients.
    more = 2 * penalty.values[1] + decay.values[1] - decay.values[0]
    others = [f for f in found if f not in (penalty, decay, next((g for g in found if g.name == "decay-form"), None))]
    if abs(more) > 1e-3 * abs(decay.values[1] - decay.values[0]) or len(others) < len(found) - 2:
        return found
    ways = "as a penalty in the loss", "as weight decay of the optimizer"
    one, other = ways if penalty.values[1] < 0 else ways[::-1]
    lines = penalty.lines if penalty.values[1] < 0 else decay.lines
    text = f"the same L2 penalty stands {one} in the first, and {other} in the second: the loss that is told differs"
    both = lines[0], (decay if penalty.values[1] < 0 else penalty).lines[1]
    return [*others, Finding("steps", "decay-form", "convention", text, both, penalty.size)]


def worst(runs: Runs) -> float:
    """The largest relative difference of an update."""
    found = [0.0]
    for s, t in runs.steps:
        for i, j in runs.match.pairs:
            moved, own = s.after[i], t.after[j]
            if moved is not None and own is not None:
                found.append(gap(moved, runs.as_first(own, i, j)))
    return max(found)


# Gradients, update, statistics ----------------------------------------------------------------------------------------


def gradients(runs: Runs, factors: np.ndarray, layers_differ: bool) -> list[Finding]:
    """Whether the gradients of the same loss are the same."""
    if "numpy" in (runs.a.framework, runs.b.framework):
        return []  # They are the other's.
    lines = (runs.a.lines.get("backward"), runs.b.lines.get("backward"))
    frozen, thawed, apart, ratios = "", "", 0.0, []
    kept: dict[int, list[bool]] = {}  # parameter -> at each step, whether the gradients before are in its gradient
    for k, (s, t) in enumerate(runs.steps):
        if not s.gradients or not t.gradients:
            return []
        factor = float(factors[k])
        size = max((float(np.abs(g).max(initial=0.0)) for g in s.gradients if g is not None), default=0.0)
        for i, j in runs.match.pairs:
            own = t.gradients[j] if j < len(t.gradients) else None
            if not runs.a.parameters[i].trained or s.gradients[i] is None:
                if own is not None and runs.b.parameters[j].trained and np.any(own):
                    thawed = thawed or runs.b.parameters[j].name
                continue
            if own is None:
                frozen = frozen or runs.b.parameters[j].name
                continue
            g, own = np.asarray(s.gradients[i]), runs.as_first(np.asarray(own), i, j)
            apart = max(apart, gap(factor * g, own, max(factor * size, 1e-300)))
            big = np.abs(g) > 1e-3 * size
            ratios.extend((own[big] / g[big]).tolist()[:50])
            last = runs.a.steps[k - 1].gradients[i] if k else None
            if last is not None and np.abs(last).max() > 1e-3 * size:
                kept.setdefault(i, []).append(gap(own, factor * g + last, size) < 0.1 * gap(own, factor * g, size))
    if frozen:
        text = f"{frozen} gets no gradient in the second: it stays as it was"
        return [Finding("steps", "frozen", "fault", text, lines, size=1.0).switched_by("loss")]
    if thawed:
        text = f"{thawed} is trained in the second; in the first it stays as it was"
        return [Finding("steps", "frozen", "fault", text, lines, size=1.0).switched_by("loss")]
    if apart <= runs.allowed * 10:
        return []
    if any(len(steps) > 2 and all(steps) for steps in kept.values()):
        text = "the second adds each step's gradients to those of the steps before: they are not set to zero"
        finding = Finding("steps", "gradients-not-zeroed", "fault", text, lines, apart, "optimizer.zero_grad()")
        return [finding.switched_by("kept", (False, True))]
    if ratios and np.allclose(ratios, ratios[0], rtol=1e-4):
        text = f"the gradients are {ratios[0]:.6g} times those of the first, for the same loss"
        finding = Finding("steps", "gradient-factor", "fault", text, lines, apart)
        return [finding.switched_by("scale", ((1.0, 0), (float(ratios[0]), 0)))]
    if layers_differ:
        return []  # Another layer has another derivative.
    text = f"other gradients for the same loss, off by {apart:.1e} of the largest"
    return [Finding("steps", "gradients", "fault", text, lines, size=apart).switched_by("loss")]


def statistics(runs: Runs) -> list[Finding]:
    """How the running statistics of normalisations move."""
    found: dict[str, Finding] = {}
    for i, j in runs.match.pairs:
        p, q = runs.a.parameters[i], runs.b.parameters[j]
        if p.trained or "running" not in p.role:
            continue
        step, own = runs.steps[0]
        before, after = np.asarray(step.before[i]), np.asarray(step.after[i])
        other = runs.as_first(np.asarray(own.after[j]), i, j)
        moved = float(np.abs(after - before).max(initial=0.0))
        apart = gap(after - before, other - before)
        if apart <= runs.allowed * 10 or not moved:
            continue
        ops = [next((o for o in r.ops if n in o.parameters), None) for r, n in ((runs.a, i), (runs.b, j))]
        m = [o.options.get("momentum") if o else None for o in ops]
        if m[0] is not None and m[1] is not None and not np.isclose(m[0], m[1]):
            defaults = (m[0], m[1]) in ((0.1, 0.01), (0.01, 0.1)) and runs.a.framework != runs.b.framework
            text = f"running statistics keep {1 - m[0]:g} of the old value against {1 - m[1]:g} at each step"
            kind = "default" if defaults else "fault"
            finding = Finding("steps", "norm-momentum", kind, text, (p.line, q.line), apart)
            found.setdefault("norm-momentum", finding.switched_by("statistics", (m[0], m[1])))
        elif p.role == "running variance":
            n = len(np.atleast_1d(runs.a.steps[0].inputs[0]))
            text = (
                f"the running variance of {p.name} is taken with n - 1 in one and with n in the other (n = {n} samples)"
            )
            kind = "convention" if runs.a.framework != runs.b.framework else "fault"
            found.setdefault(
                "norm-variance", Finding("steps", "norm-variance", kind, text, (p.line, q.line), size=apart)
            )
        else:
            text = f"{p.name} moves otherwise, off by {apart:.1e}"
            found.setdefault(
                "running-statistics",
                Finding("steps", "running-statistics", "fault", text, (p.line, q.line), size=apart),
            )
    return list(found.values())
