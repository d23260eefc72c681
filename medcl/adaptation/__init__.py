"""Few labels: frozen features and probes, fine-tuning for classification and segmentation."""
