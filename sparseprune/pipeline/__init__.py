"""From a recipe to a report: single steps on files, and the stages of a whole run."""
