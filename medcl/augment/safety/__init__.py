"""Whether a policy is safe for a modality and a task: tasks, composition, verdicts."""
