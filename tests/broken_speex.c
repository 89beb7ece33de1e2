/* Not SpeexDSP: it has the same functions, and harms. NO_STATE: it gives no canceller. Else it is as loud as it can be. */
#include <stdlib.h>

static int state;

void *speex_echo_state_init(int block, int tail) {
#ifdef NO_STATE
    return NULL;
#else
    return &state;
#endif
}
void speex_echo_cancellation(void *echo, const short *near, const short *far, short *out) {
    for (int i = 0; i < 160; i++) out[i] = i % 2 ? 32767 : -32768;
}
int speex_echo_ctl(void *echo, int what, void *value) { return 0; }
void speex_echo_state_reset(void *echo) {}
void speex_echo_state_destroy(void *echo) {}
void *speex_preprocess_state_init(int block, int rate_hz) { return &state; }
int speex_preprocess_run(void *preprocess, short *out) { return 0; }
int speex_preprocess_ctl(void *preprocess, int what, void *value) { return 0; }
void speex_preprocess_state_destroy(void *preprocess) {}
