"""The judge: measurements in, verdict out. Imports stdlib, numpy and google-re2, never rollouts, kopf or kubernetes."""
