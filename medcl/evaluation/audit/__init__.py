"""A policy measured on volumes: findings, controls, declared bounds, the report."""
