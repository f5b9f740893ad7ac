"""The AnalysisRun: wires the judge to objects."""
