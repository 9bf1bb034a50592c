require ["vacation", "fileinto"];
vacation :days 23 :addresses ["SALES@acme.example.com"] "I'm away until October 19.";
fileinto "answered or not";
