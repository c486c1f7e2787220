// The limit of a client of PostgreSQL: scripts in one session, one journey each, and nothing else.
//   bare_sql HOST DATABASE USER PASSWORD_FILE SCRIPT…
// Prints the seconds that they took after the login.
#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int words, char** word) {
  if (words < 6) return 2;
  std::ifstream file(word[4]);
  const std::string password{std::istreambuf_iterator<char>(file), {}};
  const char* const names[] = {"host", "dbname", "user", "password", nullptr};
  const char* const values[] = {word[1], word[2], word[3], password.c_str(), nullptr};
  PGconn* const session = PQconnectdbParams(names, values, 0);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 5; i < words; ++i) {
    PGresult* const result = PQexec(session, word[i]);
    if (const auto status = PQresultStatus(result); status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      std::fprintf(stderr, "bare_sql: %s\n", PQerrorMessage(session));
      return 1;
    }
    PQclear(result);
  }
  std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  PQfinish(session);
}
