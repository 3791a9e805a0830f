# What comes after this line is the program that a fork of the zygote becomes (program.pl); for a function there is nothing. No pragma here: it would be that program's too.
BEGIN { require(__FILE__ =~ s{[^/]*\z}{shim.pl}r); Trivet::Worker::start(__FILE__) }
