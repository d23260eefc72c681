"""Known answers of MR artefacts: ghosts, motion, ringing, another contrast."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation as SciPyRotation

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.transforms import motion
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.transform import Setting

ONE_MM = Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(5,))


def one(**values):
    return {name: torch.tensor([np.atleast_1d(value).tolist()]) for name, value in values.items()}


def block(size=48, width=16):
    views = torch.zeros(1, 1, size, size, size)
    inner = slice((size - width) // 2, (size + width) // 2)
    views[:, :, inner, inner, inner] = 1.0
    return views


@pytest.mark.parametrize("ghosts", [2, 3, 4, 6])
def test_ghosts_stand_evenly_on_the_phase_axis_and_keep_the_mean(ghosts):
    views = 0.2 * torch.ones(1, 1, 6, 48, 4)
    views[0, 0, 3, 10, 2] = 1.0
    ghosted = Ghosting(intensity=(0.0, 0.3)).apply(
        views, one(intensity=0.3, ghosts=float(ghosts)), ONE_MM
    )
    change = (ghosted - views)[0, 0, 3, :, 2]
    places = sorted((10 + 48 // ghosts * n) % 48 for n in range(ghosts))
    strong = change.abs() > 0.5 * 0.8 * 0.3 / ghosts
    assert strong.nonzero().flatten().tolist() == places
    assert torch.allclose(ghosted.mean(dim=3), views.mean(dim=3), atol=1e-6)
    assert torch.allclose(ghosted[0, 0, 0], views[0, 0, 0], atol=1e-6)


def test_a_movement_is_the_rotation_of_scipy_in_mm():
    spacing = (1.0, 2.0, 1.5)
    image = np.random.default_rng(0).normal(size=(20, 16, 18)).astype(np.float32)
    degrees, mm = np.array([8.0, -5.0, 12.0]), np.array([2.0, -3.0, 1.0])
    moved = motion._moved(
        torch.from_numpy(image)[None, None],
        torch.tensor([degrees.tolist()]),
        torch.tensor([mm.tolist()]),
        spacing,
    )[0, 0].numpy()
    back = (
        np.diag(1 / np.array(spacing))
        @ SciPyRotation.from_rotvec(degrees, degrees=True).as_matrix().T
        @ np.diag(spacing)
    )
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - back @ (centre + mm / spacing)
    wanted = affine_transform(image, back, offset, order=1, mode="nearest")
    assert np.abs(moved - wanted)[5:-5, 5:-5, 5:-5].max() < 1e-3


def test_motion_keeps_anatomy_in_its_place_and_doubles_edges():
    views = block()
    transform = Motion(degrees=(3.0, 3.0), mm=(3.0, 3.0))
    place = torch.arange(48.0) - 23.5
    for seed in range(12):
        chance = (CornerChance if seed % 2 else RandomChance)(np.random.default_rng(seed))
        drawn = {name: torch.tensor([row]) for name, row in transform.draw(chance).items()}
        moved = transform.apply(views, drawn, ONE_MM)
        for axis in range(3):
            mass = moved.sum(dim=[dim for dim in range(5) if dim != 2 + axis])
            assert abs((mass * place).sum() / mass.sum()) < 1.0
        assert moved.min() >= 0
        assert (moved - views).abs().max() > 0.1
        assert (moved - views)[:, :, 19:29, 19:29, 19:29].abs().max() < 0.3


def test_motion_before_the_last_line_changes_nothing_else():
    views = block()
    drawn = one(degrees=[3.0, 0, 0, 3.0, 0, 0], mm=[0.0] * 6, begin=[1.0, 1.0])
    still = Motion(degrees=(0.0, 3.0), mm=(0.0, 3.0)).apply(views, drawn, ONE_MM)
    assert torch.allclose(still, views, atol=1e-5)


def k_space_filled_while_moving(views, drawn, axis):
    """Magnitude of a whole k-space whose late lines, where the patient lies elsewhere, are swapped
    line by line."""
    place = 2 * np.fft.fftfreq(views.shape[axis])
    shape = [-1 if each == axis else 1 for each in range(5)]
    start, then = drawn["begin"][0].tolist()
    lines = np.fft.fft(views.double().numpy(), axis=axis)
    for event, (begin, end) in enumerate(((start, then), (then, 2.0))):
        part = slice(3 * event, 3 * event + 3)
        moved = motion._moved(
            views, drawn["degrees"][:, part], drawn["mm"][:, part], ONE_MM.spacing_mm
        )
        late = ((place >= begin) & (place < end)).reshape(shape)
        lines = np.where(late, np.fft.fft(moved.double().numpy(), axis=axis), lines)
    return np.abs(np.fft.ifft(lines, axis=axis))


@pytest.mark.parametrize("size", [15, 16])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_late_lines_are_those_of_the_moved_patient(axis, size):
    views = 1 + torch.rand(1, 1, size, size + 2, size - 1)
    transform = Motion(degrees=(2.0, 9.0), mm=(1.0, 3.0), axis=axis)
    kinds = set()
    for seed in range(6):
        row = transform.draw(RandomChance(np.random.default_rng(seed)))
        drawn = {name: torch.tensor([numbers]) for name, numbers in row.items()}
        kinds.add(row["mm"][:3] == row["mm"][3:])
        wanted = k_space_filled_while_moving(views, drawn, 2 + "xyz".index(axis))
        assert np.abs(transform.apply(views, drawn, ONE_MM).numpy() - wanted).max() < 1e-5
    assert kinds == {True, False}


def test_motion_of_a_view_does_not_depend_on_its_batch():
    views = torch.rand(4, 2, 14, 12, 10)
    transform = Motion(degrees=(0.0, 3.0), mm=(0.0, 3.0))
    rows = [transform.draw(RandomChance(np.random.default_rng(seed))) for seed in range(3)]
    rows.append(transform.identity())
    assert {row["mm"][:3] == row["mm"][3:] for row in rows[:3]} == {True, False}
    drawn = {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}
    together = transform.apply(views, drawn, ONE_MM)
    for row in range(4):
        here = slice(row, row + 1)
        alone = {name: numbers[here] for name, numbers in drawn.items()}
        assert torch.equal(transform.apply(views[here], alone, ONE_MM)[0], together[row])
    assert torch.equal(together[3], views[3])


def wave(period, axis, size=48):
    place = torch.arange(size, dtype=torch.float32)
    shape = [1, 1, 1, 1, 1]
    shape[2 + axis] = size
    line = torch.cos(2 * torch.pi * place / period).reshape(shape)
    return 1 + line.expand(1, 1, size, size, 2).contiguous() / 2


@pytest.mark.parametrize("axis", [0, 1])
def test_cutting_half_of_k_space_loses_resolution_by_the_root_of_two(axis):
    gibbs = Gibbs(alpha=(0.0, 0.5))
    # The grid carries 0.5 cycles per voxel; 0.707 of it is left.
    lost = gibbs.apply(wave(2.4, axis), one(alpha=0.5), ONE_MM)
    kept = gibbs.apply(wave(3.4, axis), one(alpha=0.5), ONE_MM)
    inner = slice(18, 30)
    assert (lost[:, :, inner, inner] - 1).abs().max() < 0.1
    assert (kept - wave(3.4, axis))[:, :, inner, inner].abs().max() < 0.1
    slight = gibbs.apply(wave(2.4, axis), one(alpha=0.25), ONE_MM)
    assert (slight - wave(2.4, axis))[:, :, inner, inner].abs().max() < 0.1


def test_an_edge_overshoots_as_gibbs_found():
    step = torch.full((1, 1, 64, 40, 1), 0.5)
    step[:, :, 32:] = 1.5
    rung = Gibbs(alpha=(0.0, 0.5)).apply(step, one(alpha=0.5), ONE_MM)
    assert 1.07 < rung[:, :, 16:48].max() - 0.5 <= 1.11
    assert torch.allclose(rung[:, :, :20], step[:, :, :20], atol=0.03)


def test_a_monotone_map_keeps_its_ends_and_its_slopes():
    transform = MonotoneMap(slope=(1.5, 1.5))
    ramp = torch.linspace(0, 1.5, 241).reshape(1, 1, 241, 1, 1)
    steepest, flattest = 1.0, 1.0
    for seed in range(100):
        chance = (CornerChance if seed % 2 else RandomChance)(np.random.default_rng(seed))
        slopes = transform.draw(chance)["slopes"]
        assert len(slopes) >= 7
        mapped = transform.apply(ramp, one(slopes=slopes), ONE_MM)
        measured = mapped.diff(dim=2) / ramp.diff(dim=2)
        assert measured.min() >= 1 / 1.5 - 1e-4
        assert measured.max() <= 1.5 + 1e-4
        assert mapped[0, 0, 0].item() == 0
        assert mapped[0, 0, 160].item() == pytest.approx(1, abs=1e-5)
        steepest = max(steepest, measured.max().item())
        flattest = min(flattest, measured.min().item())
    assert steepest > 1.25
    assert flattest < 0.8
