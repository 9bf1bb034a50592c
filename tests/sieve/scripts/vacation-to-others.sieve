require "vacation";
vacation "Not for me.";
