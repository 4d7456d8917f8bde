"""What flows through glovebeam: records, vocabularies and artifacts. No Beam and no training code in here."""
