# weaved: all, install, uninstall, check, demo, bench, fuzz, soak, lint, deps,
# clean. Objects and programs go below build/; nothing is installed by "make".

VERSION	= 0.1.0
BUILD	?= build
PREFIX	?= /usr/local
CC	?= cc

PKGS	= libevent libsodium yaml-0.1 jansson libbsd-overlay libseccomp
PKG_CONFIG ?= pkg-config

WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings \
	  -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Werror
HARDEN	= -fstack-protector-strong -fPIE -ftrivial-auto-var-init=zero
ifeq ($(SANITIZE),)
HARDEN	+= -D_FORTIFY_SOURCE=2
OPT	?= -O2
else
OPT	?= -O1
SANFLAGS = -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DWEAVED_SANITIZE \
	  -fno-sanitize-recover=all
BUILD	:= $(BUILD)/sanitize
endif

CFLAGS	?= -g
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. $(OPT) \
	  $(WARN) $(HARDEN) $(SANFLAGS) $(shell $(PKG_CONFIG) --cflags $(PKGS)) \
	  $(CFLAGS) $(CPPFLAGS) -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)
LIBS	= $(shell $(PKG_CONFIG) --libs $(PKGS)) -lpthread

COMMON_SRC	:= $(wildcard common/*.c)
WEAVED_SRC	:= $(filter-out weaved/main.c,$(shell find weaved -name '*.c'))
WEAVECTL_SRC	:= $(filter-out weavectl/main.c,$(wildcard weavectl/*.c))
LIB_SRC		:= $(COMMON_SRC) $(WEAVED_SRC) $(WEAVECTL_SRC)
LIB_OBJ		:= $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
LIB		:= $(BUILD)/libweaved.a

# A test program is one file NAME_test.c; what programs of a directory share
# lies in regress/lib.
TESTLIB_SRC	:= $(wildcard regress/lib/*.c)
TESTLIB_OBJ	:= $(TESTLIB_SRC:%.c=$(BUILD)/obj/%.o)
TESTLIB		:= $(BUILD)/libtest.a
TEST_SRC	:= $(wildcard regress/*/*_test.c)
TEST_PROG	:= $(TEST_SRC:%.c=$(BUILD)/%)

all: $(BUILD)/weaved $(BUILD)/weavectl

$(BUILD)/weaved: $(BUILD)/obj/weaved/main.o $(LIB)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/weavectl: $(BUILD)/obj/weavectl/main.o $(LIB)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(TESTLIB): $(TESTLIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/regress/%.o: ALL_CFLAGS += $(shell $(PKG_CONFIG) --cflags atf-c)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/regress/%_test: $(BUILD)/obj/regress/%_test.o $(TESTLIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -latf-c

tests: all $(TEST_PROG)

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all tests clean
.SECONDARY:
