"""The portal: pages for browsers.  Knows HTTP; asks people, notebooks, the hub and the gateway for everything else."""
