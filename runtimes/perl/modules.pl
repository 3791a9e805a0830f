package Trivet::Modules;

# The `module` interface: a call names a file below the function's folder and a sub in it (runtimes/CONTRACT.md).
use v5.36;
use B ();

sub new ($class, $dir) { return bless {dir => $dir, loaded => {}, known => {}}, $class }

sub missing ($what) { Trivet::Failure->throw('FUNCTION_NOT_FOUND', $what) }

# What the sub returns. `facts` is the call's meta.
sub call ($self, $facts, $args) {
    Trivet::Failure->throw('INVALID_INPUT', 'the arguments are not a list') unless ref $args eq 'ARRAY';
    my ($module, $function) = @$facts{qw(module function)};
    my $found = $self->{known}{"$module:$function"} //= $self->find($module, $function);
    return scalar $found->(@$args);
}

sub find ($self, $module, $function) {
    missing("\"$module\" is not the name of a module") unless $module =~ m{^[A-Za-z]\w*(?:(?:[./]|::)[A-Za-z]\w*)*\z}a;
    my $package = $self->load($module);
    missing("the module $module has no function $function") unless $function =~ /^[A-Za-z]\w*\z/a;
    for my $place ($package, $module =~ s{[./]}{::}gr) {
        no strict 'refs';
        my $name = "${place}::$function";
        # What the file has from elsewhere is not its own.
        return \&$name if defined &$name && B::svref_2object(\&$name)->STASH->NAME eq $place;
    }
    missing("the module $module has no function $function");
}

# The file is run once, in a package of its own unless it names one: names of two files do not meet.
sub load ($self, $module) {
    my $base = "$self->{dir}/" . $module =~ s{\.|::}{/}gr;
    my ($path) = grep { -f } "$base.pm", "$base.pl" or missing("there is no module $module in $self->{dir}");
    return $self->{loaded}{$path} if $self->{loaded}{$path};
    my $package = 'Trivet::Of::' . $module =~ s{[./]}{::}gr;
    open my $file, '<:raw', $path or die "$path: $!\n";
    my $source = do { local $/; <$file> };
    Trivet::Modules::Source::run("package $package;\n#line 1 \"$path\"\n$source");
    die $@ if ref $@ || length $@;
    return $self->{loaded}{$path} = $package;
}

# Without the rules of this file, and without its names.
package Trivet::Modules::Source {
    no strict;
    no warnings;
    no feature ':all';
    use feature 'evalbytes';
    sub run { CORE::evalbytes($_[0]) }
}

1;
