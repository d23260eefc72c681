"""How hard the quickstart's label is: histogram, voxels, and a network, from 10 to 1000 labels.

    python tests/benchmarks/bench_quickstart_task.py [TRAIN] [STEPS]

Renders TRAIN + 400 patients (default 1000 + 400) on one 5.5 mm grid, straight from the anatomy, and
prints the area under the ROC curve on the last 400. What the label is made for: histogram at
chance, voxels well below the network, the network high with 1000 labels, and all of them rising.
"""

import sys
from dataclasses import replace

import numpy as np
import torch
from monai.networks.nets import ResNet
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from medcl.geometry.affine import centre_mm, grid_affine
from medcl.runtime.seeds import generator
from pipelines.synthetic_hospital.acquisition import draw_pose, draw_scan, render
from pipelines.synthetic_hospital.anatomy import draw_anatomy

SEED, NUM_TEST, SHAPE, SPACING_MM = 11, 400, (36, 28, 24), 5.5
FEW = (10, 20, 40, 80, 160)


def sample(patient):
    joined = bool(generator(SEED, patient, "label").random() < 0.45)
    kernel = "soft" if generator(SEED, patient, "kernel").random() < 0.5 else "sharp"
    words = (SEED, patient, 0, 0)
    anatomy = draw_anatomy(seed=SEED, patient=patient, joined=joined)
    scan = draw_scan(
        anatomy,
        words=words,
        acquisition=words,
        pose=draw_pose(generator(*words, "pose")),
        plane="axial",
        kernel=kernel,
    )
    grid = grid_affine(
        centre_mm=centre_mm(scan.affine, scan.shape), shape=SHAPE, spacing=np.full(3, SPACING_MM)
    )
    return render(anatomy, replace(scan, affine=grid, shape=SHAPE)).array[0], joined


def linear(features, labels, train, penalty):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000))
    model.fit(features[train], labels[train])
    return roc_auc_score(labels[-NUM_TEST:], model.decision_function(features[-NUM_TEST:]))


def network(images, labels, train, steps, seed):
    torch.manual_seed(seed)
    rng = generator(seed, "batches")
    net = ResNet(
        "basic", [1, 1, 1, 1], [8, 16, 32, 64], n_input_channels=1, num_classes=2,
        no_max_pool=True, conv1_t_size=3, conv1_t_stride=2,
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    views, targets = torch.tensor(images)[:, None], torch.tensor(labels)
    for _ in range(steps):
        rows = rng.choice(train, 16, replace=len(train) < 16)
        batch = torch.roll(views[rows], tuple(rng.integers(-2, 3, 3).tolist()), (2, 3, 4))
        optimiser.zero_grad()
        F.cross_entropy(net(batch), targets[rows]).backward()
        optimiser.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(part) for part in views[-NUM_TEST:].split(50)])
    return roc_auc_score(labels[-NUM_TEST:], (logits[:, 1] - logits[:, 0]).numpy())


def main():
    num_train = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 700
    drawn = [sample(patient) for patient in range(num_train + NUM_TEST)]
    hu = np.stack([array for array, _ in drawn])
    labels = np.array([int(joined) for _, joined in drawn])
    edges = np.r_[-1100, np.arange(-200, 400, 15), 3100]
    histogram = np.sqrt([np.histogram(array, edges)[0] for array in hu])
    images = np.clip((hu + 160) / 420, 0, 1).astype(np.float32)
    small = np.stack([ndimage.zoom(one, 16 / np.array(SHAPE), order=1).ravel() for one in images])
    everything = np.arange(num_train)
    print(f"histogram, {num_train} labels: {linear(histogram, labels, everything, 0.05):.3f}")
    for count in (*FEW, num_train):
        picks = [generator(n, "subset").permutation(everything)[:count] for n in range(3)]
        voxels = np.mean([linear(small, labels, pick, 1e-3) for pick in picks])
        length = steps if count == num_train else steps // 4
        nets = [network(images, labels, picks[n], length, n) for n in range(3)]
        print(f"{count} labels: voxels {voxels:.3f}, network {np.mean(nets):.3f}", flush=True)


if __name__ == "__main__":
    main()
