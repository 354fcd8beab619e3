"""What a connectome is worth to one simulated person: from auto-spectra alone, and with coherency beside them.

    python benchmarks/connectome_worth.py [person]

The person (tests/support/coherent_people.py: four channels, five stages) is drawn from the model under the very graph
that is then compared with its rivals; the default has a residual like that of real EEG.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from braintwin.inference.rival_graphs import rival_graphs, words
from braintwin.inference.spectral_fit import fit_person
from braintwin.io.channels import positions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import coherent_people as made


def told(name, fit, began):
    """Print what a fit says of the graph and of κ."""
    table, log = fit.graphs, np.log(fit.posterior["kappa"].values)
    print(f"{name}: ln kappa {log.mean():.3f} ± {log.std():.3f}, {time.process_time() - began:.0f} CPU s")
    for row in range(1, table.sizes["graph"]):
        one = table.isel(graph=row)
        print(f"  leads {one['graph'].values!s:9} by {float(one['lead']):7.1f} ± {float(one['lead_se']):.1f} nat")
    print(f"  {words(table)}")


def main():
    """Fit one person twice and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("person", nargs="?", type=int, default=4)
    seed = parser.parse_args().person
    truth, spectra, graph = made.person(seed)
    rivals = rival_graphs(graph, 1000 * positions(made.CHANNELS), np.random.default_rng(seed))
    residuals = " ".join(f"{value:.2f}" for value in truth["residual_sd"][0])
    print(f"person {seed}: true ln kappa {np.log(truth['kappa'][0]):.3f}, residuals {residuals} nat")
    compiled = made.twin()
    for name, seen in (("auto-spectra", replace(spectra, coherency=None)), ("with coherency", spectra)):
        began = time.process_time()
        told(name, fit_person(compiled, seen, graph, seed=seed, rivals=rivals), began)


if __name__ == "__main__":
    main()
