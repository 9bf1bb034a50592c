require ["copy", "fileinto"];
fileinto :copy "Archive";
redirect :copy "wile@coyote.example.org";
