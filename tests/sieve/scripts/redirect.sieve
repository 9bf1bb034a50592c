redirect "wile@coyote.example.org";
redirect "WILE@coyote.example.org";
