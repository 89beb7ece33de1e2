/* satcard: an alsa-lib PCM plugin that behaves like a real kernel card, for tests.
 *
 * No daemon, no kernel modules. The program under test opens it through alsa-lib
 * (pyalsaaudio, aplay, arecord) and sees what a 'hw:' device shows: real-time pacing
 * by a clock, a ring buffer that overruns (-EPIPE), one opener at a time (-EBUSY),
 * fixed formats, and unplugging (short read, then -ENODEV, state DISCONNECTED).
 *
 *   gcc -shared -fPIC -O2 -Wall -DPIC pcm_satcard.c -o libasound_module_pcm_satcard.so -lasound
 *
 *   pcm_type.satcard { lib "DIR/libasound_module_pcm_satcard.so" }
 *   pcm.mic { type satcard dir "STATE/mic" stream capture rates [ 16000 48000 ] channels [ 1 2 ] formats [ S16_LE ] }
 *
 * Files in 'dir' (the folder must exist) are the test's controls:
 *   in       capture source, raw frames in the format the card is opened with, read at the
 *            card's pace, silence when there is no more. A plain file may be appended to at
 *            any time (a whole utterance at once: no gaps however busy the machine is);
 *            in.pos holds how many bytes were heard, and a reopened card goes on from there.
 *            A FIFO works too, but a late writer leaves a gap of silence.
 *   out.raw  what was really played (frames dropped by snd_pcm_drop never get here)
 *   events   one line per open/start/stop/xrun/gone/close, with CLOCK_MONOTONIC seconds
 *   gone     exists: the card is unplugged (running streams: -ENODEV; open: -ENODEV)
 *   stall    exists: the hardware pointer stands still (reads and writes hang)
 *   xrun     exists: one forced overrun/underrun, then it is removed
 *   errno    holds a number N: the next transfer fails with -N, then it is removed
 *   openerr  holds a number N: open fails with -N while it exists
 *   opendelay  holds milliseconds: open blocks that long, or until it is removed
 *   crash    exists: open ends the program, as a bug in a plugin does
 *   patient  exists: the microphone's clock waits while its buffer is full, so that a machine that
 *            is busy elsewhere causes no overrun; forced ones come all the same; looked for at start
 *   speed    holds a factor: the card's clock against real time (1.0; 1.0002 is a
 *            crystal 200 ppm fast; 4 makes a test four times quicker; 0 is as fast as the
 *            program reads or writes, never an overrun); read at start
 */
#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <sys/file.h>
#include <sys/timerfd.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

typedef struct {
	snd_pcm_ioplug_t io;
	char dir[512];
	int lockfd, infd, posfd, outfd, timerfd;
	unsigned char *ring;
	size_t fb;                        /* bytes a frame */
	snd_pcm_uframes_t size;           /* frames in the ring */
	unsigned long long hw, app;       /* frames since prepare: by the card, by the program */
	double t0, base, speed, t_in;     /* start time; frames before a stall; clock; when 'in' was last read */
	int running, stalled, dropin, patient;
	unsigned char part[64]; size_t npart; /* an unfinished frame from 'in' */
	unsigned list[3][16], nlist[3];   /* access to rates, channels, formats */
} sat_t;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void path(sat_t *s, char *b, size_t n, const char *f) { snprintf(b, n, "%s/%s", s->dir, f); }
static int has(sat_t *s, const char *f) { char b[600]; path(s, b, sizeof b, f); return access(b, F_OK) == 0; }
static double num(sat_t *s, const char *f, double dflt, int eat)
{
	char b[600]; double v; path(s, b, sizeof b, f);
	FILE *h = fopen(b, "r"); if (!h) return dflt;
	if (fscanf(h, "%lf", &v) != 1) v = dflt;
	fclose(h); if (eat) unlink(b);
	return v;
}
static void event(sat_t *s, const char *fmt, ...)
{
	char b[600], l[256]; int n; va_list a; path(s, b, sizeof b, "events");
	int fd = open(b, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644); if (fd < 0) return;
	n = snprintf(l, sizeof l, "%.6f %d %s ", now(), (int)getpid(), s->io.stream == SND_PCM_STREAM_CAPTURE ? "capture" : "playback");
	va_start(a, fmt); n += vsnprintf(l + n, sizeof l - n - 2, fmt, a); va_end(a);
	l[n++] = '\n'; if (write(fd, l, n) < 0) {}
	close(fd);
}
/* read exactly n frames of sound that happened at the microphone; silence where none was sent */
static void mic_read(sat_t *s, unsigned char *dst, size_t n)
{
	size_t want = n * s->fb, got = 0; char b[600]; unsigned long long pos;
	if (s->infd < 0) {
		path(s, b, sizeof b, "in"); s->infd = open(b, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (s->infd >= 0 && lseek(s->infd, 0, SEEK_CUR) >= 0) { /* not a FIFO: go on where it was left */
			pos = num(s, "in.pos", 0, 0); lseek(s->infd, pos, SEEK_SET);
			path(s, b, sizeof b, "in.pos"); s->posfd = open(b, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		}
	}
	memcpy(dst, s->part, s->npart); got = s->npart; s->npart = 0;
	while (s->infd >= 0 && got < want) {
		ssize_t r = read(s->infd, dst + got, want - got);
		if (r > 0) got += r; else break;
	}
	if (got % s->fb) { s->npart = got % s->fb; got -= s->npart; memcpy(s->part, dst + got, s->npart); } /* half a frame came */
	if (s->posfd >= 0 && got) {
		int l = snprintf(b, sizeof b, "%-20lld\n", (long long)lseek(s->infd, 0, SEEK_CUR) - (long long)s->npart);
		if (pwrite(s->posfd, b, l, 0) < 0) {}
	}
	snd_pcm_format_set_silence(s->io.format, dst + got, (want - got) / s->fb * s->io.channels);
}
/* let the card's clock run on to this moment: fill (capture) or empty (playback) the ring */
static void sync_hw(sat_t *s)
{
	double t = now();
	if (s->io.stream == SND_PCM_STREAM_CAPTURE) s->app = s->io.appl_ptr;
	if (!s->running) return;
	if (has(s, "stall")) { if (!s->stalled) { s->base = s->hw; s->stalled = 1; } s->t0 = t; return; }
	if (s->stalled) { s->stalled = 0; s->t0 = t; s->base = s->hw; }
	int cap = s->io.stream == SND_PCM_STREAM_CAPTURE;
	unsigned long long to = s->speed > 0 ? s->base + (unsigned long long)((t - s->t0) * s->io.rate * s->speed)
		: cap ? s->app + s->io.period_size : s->app;
	if (cap && s->patient && to > s->app + s->size) { to = s->base = s->app + s->size; s->t0 = t; } /* the clock waits */
	if (!cap && to > s->app) to = s->app + (s->io.state == SND_PCM_STATE_DRAINING ? 0 : 1); /* app+1 marks the underrun */
	unsigned long long data_to = cap ? to : (to > s->app ? s->app : to);
	while (s->hw < data_to) {
		size_t off = s->hw % s->size, n = s->size - off;
		if (n > data_to - s->hw) n = data_to - s->hw;
		if (cap) mic_read(s, s->ring + off * s->fb, n);
		else if (s->outfd >= 0 && write(s->outfd, s->ring + off * s->fb, n * s->fb) < 0) {}
		s->hw += n;
	}
	if (to > s->hw) s->hw = to;
	s->t_in = t;
}
static void stop_hw(sat_t *s, const char *why) { if (s->running) event(s, "%s hw=%llu app=%llu", why, s->hw, s->app); s->running = 0; }

static int sat_gone(sat_t *s)
{
	if (s->io.state == SND_PCM_STATE_DISCONNECTED) return 1;
	if (!has(s, "gone")) return 0;
	sync_hw(s); stop_hw(s, "gone");
	snd_pcm_ioplug_set_state(&s->io, SND_PCM_STATE_DISCONNECTED);
	return 1;
}
static snd_pcm_sframes_t sat_pointer(snd_pcm_ioplug_t *io)
{
	sat_t *s = io->private_data;
	if (sat_gone(s)) return s->hw;
	sync_hw(s);
	int x = s->running && (io->stream == SND_PCM_STREAM_CAPTURE ? s->hw - s->app > s->size : s->hw > s->app);
	if (s->running && has(s, "xrun")) { num(s, "xrun", 0, 1); x = 1; }
	if (x) { stop_hw(s, "xrun"); s->dropin = 1; return -EPIPE; }
	return s->hw;
}
static snd_pcm_sframes_t sat_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *a, snd_pcm_uframes_t off, snd_pcm_uframes_t size)
{
	sat_t *s = io->private_data; int e = (int)num(s, "errno", 0, 1);
	unsigned char *p = (unsigned char *)a->addr + (a->first + a->step * off) / 8;
	if (e) { event(s, "errno %d", e); return -e; }
	if (s->io.state == SND_PCM_STATE_DISCONNECTED) return -ENODEV;
	/* 'plug' may ask for captured frames again, and take fewer than it asked for: what was taken, appl_ptr alone knows */
	unsigned long long at = io->stream == SND_PCM_STREAM_PLAYBACK ? s->app : io->access == SND_PCM_ACCESS_RW_INTERLEAVED ? io->appl_ptr : off;
	for (snd_pcm_uframes_t left = size; left; ) {
		size_t o = at % s->size, n = s->size - o; if (n > left) n = left;
		if (io->stream == SND_PCM_STREAM_CAPTURE) memcpy(p, s->ring + o * s->fb, n * s->fb);
		else memcpy(s->ring + o * s->fb, p, n * s->fb);
		p += n * s->fb; at += n; left -= n;
	}
	if (io->stream == SND_PCM_STREAM_PLAYBACK) s->app = at;
	return size;
}
static int sat_start(snd_pcm_ioplug_t *io)
{
	sat_t *s = io->private_data;
	if (sat_gone(s)) return -ENODEV;
	s->speed = num(s, "speed", 1.0, 0); s->t0 = now(); s->base = s->hw; s->stalled = 0; s->running = 1; s->patient = has(s, "patient");
	if (s->dropin && io->stream == SND_PCM_STREAM_CAPTURE) { /* what was said while the card stood still is lost */
		unsigned long long n = (s->t0 - s->t_in) * io->rate * s->speed;
		while (n) { size_t k = n > s->size ? s->size : n; mic_read(s, s->ring, k); n -= k; }
	}
	s->dropin = 0; s->t_in = s->t0;
	struct itimerspec it; double p = s->speed > 0 ? (double)io->period_size / io->rate / s->speed / 8 : 0; if (p < 0.0005) p = 0.0005;
	it.it_interval.tv_sec = (long)p; it.it_interval.tv_nsec = (p - (long)p) * 1e9; it.it_value = it.it_interval;
	timerfd_settime(s->timerfd, 0, &it, NULL);
	event(s, "start speed=%g", s->speed);
	return 0;
}
static int sat_stop(snd_pcm_ioplug_t *io)
{
	sat_t *s = io->private_data;
	sync_hw(s); stop_hw(s, "stop"); /* the timer ticks on: a thread blocked in read or write must wake up and see it */
	return 0;
}
static int sat_prepare(snd_pcm_ioplug_t *io)
{
	sat_t *s = io->private_data;
	if (sat_gone(s)) return -ENODEV;
	s->hw = s->app = 0; s->base = 0; s->running = 0;
	return 0;
}
static int sat_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *p)
{
	sat_t *s = io->private_data; (void)p;
	s->fb = snd_pcm_format_physical_width(io->format) / 8 * io->channels; s->size = io->buffer_size;
	free(s->ring); s->ring = calloc(s->size, s->fb);
	event(s, "hw_params rate=%u channels=%u format=%s period=%lu buffer=%lu", io->rate, io->channels, snd_pcm_format_name(io->format), io->period_size, io->buffer_size);
	return s->ring ? 0 : -ENOMEM;
}
static int sat_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned nfds, unsigned short *rev)
{
	sat_t *s = io->private_data; unsigned long long x; snd_pcm_uframes_t av; (void)nfds;
	*rev = 0;
	if (sat_gone(s)) { *rev = POLLERR; return 0; }
	if (io->state == SND_PCM_STATE_SETUP) { *rev = io->stream == SND_PCM_STREAM_CAPTURE ? POLLIN : POLLOUT; return 0; } /* dropped: -EBADFD */
	sync_hw(s);
	if (io->stream == SND_PCM_STREAM_CAPTURE) av = s->hw - s->app;
	else av = s->hw > s->app ? s->size : s->size - (s->app - s->hw);
	if (has(s, "xrun") || has(s, "errno") || av >= io->period_size || (io->state == SND_PCM_STATE_DRAINING && s->hw >= s->app))
		*rev = io->stream == SND_PCM_STREAM_CAPTURE ? POLLIN : POLLOUT;
	if (pfd[0].revents & POLLIN) { if (read(s->timerfd, &x, sizeof x) < 0) {} }
	return 0;
}
static int sat_close(snd_pcm_ioplug_t *io)
{
	sat_t *s = io->private_data;
	stop_hw(s, "stop"); event(s, "close");
	if (s->lockfd >= 0) close(s->lockfd);
	if (s->infd >= 0) close(s->infd);
	if (s->posfd >= 0) close(s->posfd);
	if (s->outfd >= 0) close(s->outfd);
	if (s->timerfd >= 0) close(s->timerfd);
	free(s->ring); free(s);
	return 0;
}
static const snd_pcm_ioplug_callback_t sat_cb = {
	.start = sat_start, .stop = sat_stop, .pointer = sat_pointer, .transfer = sat_transfer, .close = sat_close,
	.hw_params = sat_hw_params, .prepare = sat_prepare, .poll_revents = sat_revents,
};

static int get_list(snd_config_t *n, unsigned *v, unsigned *c, int fmt)
{
	snd_config_iterator_t i, next; long l; const char *str;
	if (snd_config_get_type(n) != SND_CONFIG_TYPE_COMPOUND) {
		if (!fmt && !snd_config_get_integer(n, &l)) v[(*c)++] = l;
		else if (!snd_config_get_string(n, &str)) v[(*c)++] = fmt ? (unsigned)snd_pcm_format_value(str) : (unsigned)atol(str);
		else return -EINVAL;
		return 0;
	}
	snd_config_for_each(i, next, n) if (*c < 16 && get_list(snd_config_iterator_entry(i), v, c, fmt) < 0) return -EINVAL;
	return 0;
}
SND_PCM_PLUGIN_DEFINE_FUNC(satcard)
{
	static const unsigned access_list[] = { SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED }; /* MMAP: 'plug' needs it to resample */
	snd_config_iterator_t i, next; const char *dir = NULL, *only = NULL; char b[600]; int err;
	sat_t *s = calloc(1, sizeof *s); (void)root;
	if (!s) return -ENOMEM;
	s->lockfd = s->infd = s->posfd = s->outfd = s->timerfd = -1; s->io.stream = stream;
	snd_config_for_each(i, next, conf) {
		snd_config_t *n = snd_config_iterator_entry(i); const char *id; err = 0;
		if (snd_config_get_id(n, &id) < 0 || !strcmp(id, "type") || !strcmp(id, "comment") || !strcmp(id, "hint")) continue;
		if (!strcmp(id, "dir")) err = snd_config_get_string(n, &dir);
		else if (!strcmp(id, "stream")) err = snd_config_get_string(n, &only);
		else if (!strcmp(id, "rates")) err = get_list(n, s->list[0], &s->nlist[0], 0);
		else if (!strcmp(id, "channels")) err = get_list(n, s->list[1], &s->nlist[1], 0);
		else if (!strcmp(id, "formats")) err = get_list(n, s->list[2], &s->nlist[2], 1);
		else { SNDERR("satcard: unknown field %s", id); err = -EINVAL; }
		if (err < 0) { free(s); return -EINVAL; }
	}
	if (!dir) { free(s); return -EINVAL; }
	if (only && strcmp(only, stream == SND_PCM_STREAM_CAPTURE ? "capture" : "playback")) { free(s); return -ENOENT; } /* as a card without that direction */
	snprintf(s->dir, sizeof s->dir, "%s", dir);
	if (!s->nlist[0]) s->list[0][s->nlist[0]++] = 16000;
	if (!s->nlist[1]) s->list[1][s->nlist[1]++] = 1;
	if (!s->nlist[2]) s->list[2][s->nlist[2]++] = SND_PCM_FORMAT_S16_LE;
	for (double t = now(); now() - t < num(s, "opendelay", 0, 0) / 1000; ) usleep(5000);
	if ((err = (int)num(s, "openerr", 0, 0)) > 0) { event(s, "openerr %d", err); free(s); return -err; }
	if (has(s, "crash")) raise(SIGSEGV);
	if (has(s, "gone")) { free(s); return -ENODEV; }
	path(s, b, sizeof b, stream == SND_PCM_STREAM_CAPTURE ? ".lock-capture" : ".lock-playback");
	s->lockfd = open(b, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->lockfd < 0) { err = -errno; free(s); return err; }
	if (flock(s->lockfd, LOCK_EX | LOCK_NB) < 0) { close(s->lockfd); free(s); return -EBUSY; }
	if (stream == SND_PCM_STREAM_PLAYBACK) { path(s, b, sizeof b, "out.raw"); s->outfd = open(b, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644); }
	s->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->io.version = SND_PCM_IOPLUG_VERSION; s->io.name = "satellite test card"; s->io.callback = &sat_cb; s->io.private_data = s;
	s->io.poll_fd = s->timerfd; s->io.poll_events = POLLIN; s->io.mmap_rw = 0;
	s->io.flags = SND_PCM_IOPLUG_FLAG_BOUNDARY_WA; /* the pointer counts on past the ring: a whole ring at once is told from none */
	event(s, "open");
	if ((err = snd_pcm_ioplug_create(&s->io, name, stream, mode)) < 0) { sat_close(&s->io); return err; }
	if ((err = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_ACCESS, 2, access_list)) < 0 ||
	    (err = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_RATE, s->nlist[0], s->list[0])) < 0 ||
	    (err = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_CHANNELS, s->nlist[1], s->list[1])) < 0 ||
	    (err = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_FORMAT, s->nlist[2], s->list[2])) < 0 ||
	    (err = snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 256 * 1024)) < 0 ||
	    (err = snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 128, 1024 * 1024)) < 0 ||
	    (err = snd_pcm_ioplug_set_param_minmax(&s->io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024)) < 0) {
		snd_pcm_ioplug_delete(&s->io); return err;
	}
	*pcmp = s->io.pcm;
	return 0;
}
SND_PCM_PLUGIN_SYMBOL(satcard);
