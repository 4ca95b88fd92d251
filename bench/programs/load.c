/*
 * The load generator in C, for numbers that Node's own share does not blur. Arguments and output are those of
 * load.ts, which explains them. One thread, poll(2), no allocation while it measures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_PINGS 2048
#define MAX_LINKS 4096

typedef struct {
  char *bytes;
  long length;
} Blob;

/* A connection and how far it is: what it still has to write, and how much it still has to read. */
typedef struct {
  int fd;
  int step; /* 0 connecting, 1 awaits version and verack, 2 awaits the rest, 3 ready */
  long wanted;
  double beganAt;
} Link;

static int port, versionReply, verackReply;
static Blob version, verack, ping, flood, pings;
static char sinkhole[262144];
static double *times;
static long timesTaken;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double nowUs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static Blob readBlob(const char *dir, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  fseek(file, 0, SEEK_END);
  Blob blob = {NULL, ftell(file)};
  rewind(file);
  blob.bytes = malloc(blob.length + 1);
  if (fread(blob.bytes, 1, blob.length, file) != (size_t)blob.length) fail(path);
  fclose(file);
  return blob;
}

static Blob repeatBlob(Blob one, long count) {
  Blob all = {malloc(one.length * count), one.length * count};
  for (long i = 0; i < count; i++) memcpy(all.bytes + i * one.length, one.bytes, one.length);
  return all;
}

static int openSocket(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  return fd;
}

static void writeAll(int fd, Blob blob) {
  for (long at = 0; at < blob.length;) {
    ssize_t n = write(fd, blob.bytes + at, blob.length - at);
    if (n < 0) fail("write");
    at += n;
  }
}

static void readAll(int fd, long bytes) {
  while (bytes > 0) {
    ssize_t n = read(fd, sinkhole, bytes < (long)sizeof sinkhole ? bytes : (long)sizeof sinkhole);
    if (n <= 0) fail("read");
    bytes -= n;
  }
}

/* A connection that has shaken hands. */
static int openReady(void) {
  int fd = openSocket();
  if (versionReply == 0) return fd;
  writeAll(fd, version);
  readAll(fd, versionReply);
  writeAll(fd, verack);
  readAll(fd, verackReply);
  return fd;
}

static void unblock(int fd) {
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
}

static int byValue(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double quantile(double q) {
  long at = q * timesTaken;
  return timesTaken == 0 ? 0 : times[at < timesTaken ? at : timesTaken - 1];
}

static void finish(const char *key, double value) {
  qsort(times, timesTaken, sizeof *times, byValue);
  printf("{\"samples\":%ld,\"p50Us\":%.3f,\"p99Us\":%.3f,\"maxUs\":%.3f,\"%s\":%.3f}\n", timesTaken, quantile(0.5),
         quantile(0.99), quantile(1), key, value);
  exit(0);
}

static void rtt(long count, long warmup) {
  int fd = openReady();
  double startedAt = nowUs();
  for (long i = 0; i < count + warmup; i++) {
    double sentAt = nowUs();
    writeAll(fd, ping);
    readAll(fd, ping.length);
    if (i >= warmup) times[timesTaken++] = nowUs() - sentAt;
  }
  finish("perSecond", (count + warmup) / ((nowUs() - startedAt) / 1e6));
}

/* Writes the next piece of an endless repetition of `blob`, as much of `left` as is taken now. */
static void pour(int fd, Blob blob, long *poured, long *left) {
  while (*left > 0) {
    long at = *poured % blob.length;
    long bytes = blob.length - at < *left ? blob.length - at : *left;
    ssize_t n = write(fd, blob.bytes + at, bytes);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) fail("write");
    *poured += n;
    *left -= n;
    if (n < bytes) return;
  }
}

/* Reads what is there; returns how much. */
static long drain(int fd) {
  ssize_t n = read(fd, sinkhole, sizeof sinkhole);
  if (n == 0) fail("the server closed the connection");
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) fail("read");
  return n < 0 ? 0 : n;
}

static void pipeline(long count, int connections) {
  static struct pollfd fds[MAX_LINKS];
  static long poured[MAX_LINKS], left[MAX_LINKS], wanted[MAX_LINKS];
  long bytes = count / connections * ping.length;
  for (int i = 0; i < connections; i++) {
    fds[i] = (struct pollfd){.fd = openReady(), .events = POLLIN | POLLOUT};
    unblock(fds[i].fd);
    left[i] = wanted[i] = bytes;
  }
  double startedAt = nowUs();
  for (int open = connections; open > 0;) {
    poll(fds, connections, -1);
    for (int i = 0; i < connections; i++) {
      if (fds[i].revents & POLLOUT) pour(fds[i].fd, pings, &poured[i], &left[i]);
      if (left[i] == 0) fds[i].events = POLLIN;
      if (!(fds[i].revents & (POLLIN | POLLHUP | POLLERR))) continue;
      wanted[i] -= drain(fds[i].fd);
      if (wanted[i] > 0) continue;
      fds[i].fd = ~fds[i].fd;
      open--;
    }
  }
  finish("perSecond", bytes / ping.length * connections / ((nowUs() - startedAt) / 1e6));
}

static void handshakes(long count, int parallel) {
  static struct pollfd fds[MAX_LINKS];
  static Link links[MAX_LINKS];
  long begun = 0, done = 0;
  double startedAt = nowUs();
  while (done < count) {
    for (int i = 0; i < parallel; i++) {
      if (links[i].step != 0 || begun == count) continue;
      begun++;
      links[i] = (Link){.step = 1, .wanted = versionReply, .beganAt = nowUs()};
      fds[i] = (struct pollfd){.fd = openSocket(), .events = POLLIN};
      writeAll(fds[i].fd, version);
    }
    poll(fds, parallel, -1);
    for (int i = 0; i < parallel; i++) {
      if (links[i].step == 0 || fds[i].revents == 0) continue;
      links[i].wanted -= drain(fds[i].fd);
      if (links[i].wanted > 0) continue;
      if (links[i].step++ == 1) {
        links[i].wanted += verackReply;
        writeAll(fds[i].fd, verack);
        continue;
      }
      times[timesTaken++] = nowUs() - links[i].beganAt;
      close(fds[i].fd);
      fds[i].fd = -1;
      links[i].step = 0;
      done++;
    }
  }
  finish("perSecond", count / ((nowUs() - startedAt) / 1e6));
}

static void awaitEndOfInput(void) {
  while (read(0, sinkhole, sizeof sinkhole) > 0) continue;
  exit(0);
}

static void hold(int connections) {
  for (int i = 0; i < connections; i++) openReady();
  printf("{\"ready\":%d}\n", connections);
  fflush(stdout);
  awaitEndOfInput();
}

static void fair(long repeat, long replyBytes) {
  int quiet = openReady(), loud = openReady();
  struct pollfd fds[2] = {{.fd = quiet, .events = POLLIN}, {.fd = loud, .events = POLLIN | POLLOUT}};
  long poured = 0, left = repeat * flood.length, quietWanted = ping.length;
  unblock(loud);
  double startedAt = nowUs(), floodedUs = 0;
  pour(loud, flood, &poured, &left);
  double sentAt = nowUs();
  writeAll(quiet, ping);
  for (;;) {
    poll(fds, 2, -1);
    if (fds[0].revents) {
      quietWanted -= drain(quiet);
      if (quietWanted == 0) {
        times[timesTaken++] = nowUs() - sentAt;
        if (replyBytes <= 0) finish("seconds", floodedUs / 1e6);
        sentAt = nowUs();
        writeAll(quiet, ping);
        quietWanted = ping.length;
      }
    }
    if (fds[1].revents & POLLOUT) pour(loud, flood, &poured, &left);
    if (left == 0) fds[1].events = POLLIN;
    if (!(fds[1].revents & (POLLIN | POLLHUP | POLLERR))) continue;
    replyBytes -= drain(loud);
    if (replyBytes > 0) continue;
    floodedUs = nowUs() - startedAt;
    fds[1].fd = -1;
  }
}

static void ask(long count, long replyBytes, long window) {
  int fd = openReady();
  long sent = 0, have = 0;
  double startedAt = nowUs();
  for (long done = 0; done < count;) {
    for (; sent < count && sent - done < window; sent++) writeAll(fd, flood);
    ssize_t n = read(fd, sinkhole, sizeof sinkhole);
    if (n <= 0) fail("read");
    for (have += n; have >= replyBytes; have -= replyBytes) done++;
  }
  finish("perSecond", count / ((nowUs() - startedAt) / 1e6));
}

static void deaf(void) {
  int fd = openReady();
  struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
  long poured = 0, left = 1L << 60;
  unblock(fd);
  printf("{\"ready\":1}\n");
  fflush(stdout);
  for (;;) {
    poll(fds, 2, -1);
    if (fds[0].revents) awaitEndOfInput();
    if (fds[1].revents) pour(fd, flood, &poured, &left);
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 1;
  const char *mode = argv[1];
  port = atoi(argv[2]);
  versionReply = atoi(argv[4]);
  verackReply = atoi(argv[5]);
  long first = argc > 6 ? atol(argv[6]) : 0, second = argc > 7 ? atol(argv[7]) : 0;
  long third = argc > 8 ? atol(argv[8]) : 0;
  version = readBlob(argv[3], "version");
  verack = readBlob(argv[3], "verack");
  ping = readBlob(argv[3], "ping");
  flood = readBlob(argv[3], "flood");
  pings = repeatBlob(ping, CHUNK_PINGS);
  times = malloc(sizeof *times * 10000000);
  signal(SIGPIPE, SIG_IGN);
  if (strcmp(mode, "rtt") == 0) rtt(first, second);
  if (strcmp(mode, "pipeline") == 0) pipeline(first, second);
  if (strcmp(mode, "handshakes") == 0) handshakes(first, second);
  if (strcmp(mode, "hold") == 0) hold(first);
  if (strcmp(mode, "fair") == 0) fair(first, second);
  if (strcmp(mode, "ask") == 0) ask(first, second, third);
  if (strcmp(mode, "deaf") == 0) deaf();
  return 1;
}
