"""`medcl embed`: encoder + store → table of features."""

import pyarrow as pa
import pyarrow.parquet as pq

from medcl.adaptation.features import extract
from medcl.build.cohorts import cohort_rows
from medcl.build.policies import stored_modality
from medcl.config.embed import EmbedConfig
from medcl.config.writing import write
from medcl.encoders.delivery import read_encoder
from medcl.runtime.devices import choose_device
from medcl.runtime.files import atomic_path
from medcl.stages.encoders import checksum, policy_of_encoder
from medcl.stages.progress import ProgressSink, counted
from medcl.stages.run_folder import RunFolder, content_digest
from medcl.stages.summary import StageSummary, Written
from medcl.store.store import Store

TABLE = "features.parquet"


def run(config: EmbedConfig, *, progress: ProgressSink) -> StageSummary:
    """Write one row of features per volume: key, patient key, and a list of float32.

    Args:
        config: Settings.
        progress: Shows how far it is.

    Returns:
        Where the table is.
    """
    store = Store.open(config.store)
    delivered = read_encoder(config.encoder)
    policy = policy_of_encoder(delivered)
    rows = cohort_rows(store, config.cohort, modality=stored_modality(policy))
    inputs = {"encoder": checksum(config.encoder), "volumes": content_digest(rows)}
    run_folder = RunFolder.open(config.runs / config.name, stage="embed", inputs=inputs)
    notes = ["This table is finished already; nothing was done."]
    if run_folder.finished() is None:
        notes = []
        write(config, run_folder.folder / "settings.yaml")
        device = choose_device(config.machine.device)
        with progress.task("Embedding", total=len(rows), unit="volumes") as advance:
            features = extract(
                delivered.encoder.to(device),
                store=store,
                rows=rows,
                policy=policy,
                device=device,
                batch_size=config.batch_size,
                report=counted(advance),
            )
        table = pa.table(
            {
                "key": [row.key for row in rows],
                "patient_key": [row.patient_key for row in rows],
                "features": pa.FixedSizeListArray.from_arrays(
                    pa.array(features.ravel()), features.shape[1]
                ),
            },
            metadata={"medcl.policy": policy.hash, "medcl.encoder": checksum(config.encoder)},
        )
        with atomic_path(run_folder.folder / TABLE) as path:
            pq.write_table(table, path)
        run_folder.finish({"volumes": len(rows), "features": features.shape[1]})
    return StageSummary(
        stage="embed",
        figures={"volumes": len(rows), "features": delivered.encoder.num_features},
        notes=notes,
        written=[Written("features", run_folder.folder / TABLE)],
    )
