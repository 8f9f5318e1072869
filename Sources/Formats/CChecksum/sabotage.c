// Nothing of this is in an ordinary build.
#ifdef APUS_SABOTAGE
#include "CChecksum.h"
#include <stdlib.h>
#include <string.h>

int apus_sabotage(const char *fault) {
    const char *chosen = getenv("APUS_SABOTAGE");
    return chosen && !strcmp(chosen, fault);
}
#endif
