# weaved: GNU make, pkg-config, gcc or clang. Objects and programs go below
# build/, sanitized ones (SANITIZE=address,undefined) below build/sanitize. V=1
# shows the commands.
#
# all (default) install uninstall clean   check demo soak fuzz lint bench
# deps    SOAKS="NAME..." makes soak run these only

VERSION	= 0.1.0
BUILD	?= build
OUT	:= $(BUILD)$(if $(SANITIZE),/sanitize)

PREFIX	?= /usr/local
SBINDIR	?= $(PREFIX)/sbin
BINDIR	?= $(PREFIX)/bin
MANDIR	?= $(PREFIX)/share/man
# Where container runtimes look: Debian's below /usr, all others here.
CNIBINDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/cni,/opt/cni/bin)
UNITDIR	?= $(PREFIX)/lib/systemd/system
CONFDIR	= /etc/weaved
INITDIR	= /etc/init.d

CC	?= cc
AR	?= ar
PKG_CONFIG ?= pkg-config

# Each library as pkg-config:Debian package.
LIBRARIES = libevent:libevent-dev libsodium:libsodium-dev \
	  yaml-0.1:libyaml-dev jansson:libjansson-dev \
	  libbsd-overlay:libbsd-dev libseccomp:libseccomp-dev \
	  libnl-3.0:libnl-3-dev libnftables:libnftables-dev \
	  libcurl:libcurl4-openssl-dev
PKGS	= $(foreach l,$(LIBRARIES),$(firstword $(subst :, ,$(l))))

DEPS	= gcc libc6-dev pkg-config \
	  $(foreach l,$(LIBRARIES),$(lastword $(subst :, ,$(l))))
DEPS_DEMO = $(DEPS) iproute2 iputils-ping procps iperf3 tcpdump curl
DEPS_CHECK = $(DEPS_DEMO) atf-sh ethtool kyua libatf-dev mandoc nftables \
	  strace systemd containernetworking-plugins iptables libssl-dev prometheus \
	  python3-yaml
DEPS_LINT = $(DEPS) binutils clang-format clang-tidy mandoc shellcheck
DEPS_FUZZ = $(DEPS) clang libclang-rt-14-dev
DEPS_BENCH = $(DEPS) iproute2 iputils-ping procps iperf3 ethtool jq \
	  gnuplot-nox wireguard-go wireguard-tools nebula tinc fastd openvpn \
	  openssl

# Targets that compile; the others fetch what they need and come back here.
GOALS	:= $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out deps print-deps clean uninstall check demo soak fuzz lint bench,$(GOALS)),)
ifeq ($(shell command -v $(PKG_CONFIG)),)
$(error weaved needs $(PKG_CONFIG): apt-get install pkg-config, or make deps)
endif
ifeq ($(shell command -v $(firstword $(CC))),)
$(error weaved needs $(CC): apt-get install gcc, or make deps)
endif
$(foreach l,$(LIBRARIES),$(if $(shell \
	  $(PKG_CONFIG) --exists $(firstword $(subst :, ,$(l))) || echo no),\
	  $(error weaved needs $(firstword $(subst :, ,$(l))): apt-get install \
	  $(lastword $(subst :, ,$(l))), or make deps)))

LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
LIBS	:= $(shell $(PKG_CONFIG) --libs $(PKGS)) -lpthread

# Of the compiler's defences those that it has for this machine. That snprintf
# cuts is why it is used.
OFFERED	:= $(foreach f,-ftrivial-auto-var-init=zero -fstack-clash-protection \
	  -fcf-protection -mbranch-protection=standard -Wno-format-truncation, \
	  $(shell $(CC) -Werror $(f) -x c -c /dev/null -o /dev/null \
	  2>/dev/null && echo $(f)))
HARDEN	:= -fPIE -fstack-protector-strong $(OFFERED)
endif

WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings \
	  -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough \
	  -Wno-missing-field-initializers -Werror
ifeq ($(SANITIZE),)
OPT	?= -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else
OPT	?= -O1
SANFLAGS = -fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	  -fno-sanitize-recover=all -DWEAVED_SANITIZE
endif
CFLAGS	?= -g
Q	= $(if $(V),,@)
LANGUAGE = -std=c17 -D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS= \
	  -DVERSION='"$(VERSION)"' -I. $(LIB_CFLAGS)
ALL_CFLAGS = $(LANGUAGE) $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) $(CFLAGS) \
	  $(CPPFLAGS) -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed \
	  $(SANFLAGS) $(CFLAGS) $(LDFLAGS)

LIB_SRC	:= $(filter-out %/main.c,$(wildcard common/*.c weavectl/*.c \
	  weave-net/*.c) \
	  $(shell find weaved -name '*.c'))
LIB	:= $(OUT)/libweaved.a

# A test program is one file NAME_test.c or NAME_test.sh; what several share
# lies in regress/lib. A fuzz target NAME_fuzz.c becomes two programs: one for
# libFuzzer, and a test NAME_fuzz_test of its corpus.
TESTLIB	:= $(OUT)/libtest.a
TESTS	:= $(patsubst %.c,$(OUT)/%,$(wildcard regress/*/*_test.c)) \
	  $(patsubst %.sh,$(OUT)/%,$(wildcard regress/*/*_test.sh))
FUZZ	:= $(patsubst %.c,$(OUT)/%,$(wildcard regress/fuzz/*_fuzz.c))
MANUALS	:= $(wildcard *.5 man/*.8)

all: $(OUT)/weaved $(OUT)/weavectl $(OUT)/weave-net

$(OUT)/weaved $(OUT)/weavectl $(OUT)/weave-net: $(OUT)/%: $(OUT)/obj/%/main.o $(LIB)
	@echo "  LINK  $@"
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(LIB_SRC:%.c=$(OUT)/obj/%.o)
$(TESTLIB): $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard regress/lib/*.c))
$(LIB) $(TESTLIB):
	@rm -f $@
	$Q$(AR) rcs $@ $^

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OUT)/regress/%_test: $(OUT)/obj/regress/%_test.o $(TESTLIB) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lssl -lcrypto -latf-c

$(OUT)/regress/%_test: regress/%_test.sh
	@mkdir -p $(@D)
	$Qprintf '#!%s\n' "$$($(PKG_CONFIG) --variable=interpreter atf-sh)" | \
	    cat - $< >$@ && chmod +x $@

$(OUT)/regress/bench/packets: $(OUT)/obj/regress/bench/packets.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(OUT)/regress/fuzz/%_fuzz_test: $(OUT)/obj/regress/fuzz/%_fuzz.o \
	    $(OUT)/obj/regress/fuzz/corpus_main.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -latf-c

$(OUT)/regress/fuzz/%_fuzz: $(OUT)/obj/regress/fuzz/%_fuzz.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$Q$(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# A measurement to be run by hand; no part of any check.
$(OUT)/regress/bench/%_bench: $(OUT)/obj/regress/bench/%_bench.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(OUT)/obj/regress/fuzz/%_fuzz.o: WARN += -Wno-missing-prototypes

fuzzers: $(FUZZ)
corpora: $(FUZZ:%=%_test)

# The corpora always run sanitized, whatever the rest is.
tests: all $(TESTS)
ifeq ($(SANITIZE),)
	@$(MAKE) --no-print-directory SANITIZE=address,undefined corpora
	@mkdir -p $(OUT)/regress
	@rm -rf $(OUT)/regress/fuzz # built by hand it is no link
	ln -s ../sanitize/regress/fuzz $(OUT)/regress/fuzz
else
tests: corpora
endif

check:
	@etc/deps.sh $(DEPS_CHECK)
	@$(MAKE) --no-print-directory tests
	@regress/check.sh $(OUT)

demo:
	@etc/deps.sh $(DEPS_DEMO)
	@$(MAKE) --no-print-directory all
	@regress/demo.sh $(OUT)

soak:
	@etc/deps.sh $(DEPS_CHECK)
	@$(MAKE) --no-print-directory tests
	@regress/soak.sh $(OUT) $(SOAKS)

bench:
	@etc/deps.sh $(DEPS_BENCH)
	@$(MAKE) --no-print-directory all $(OUT)/regress/bench/packets
	@regress/bench/bench.sh $(OUT)

fuzz:
	@etc/deps.sh $(DEPS_FUZZ)
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz \
	    SANITIZE=fuzzer-no-link,address,undefined fuzzers
	@regress/fuzz.sh $(BUILD)/fuzz/sanitize/regress/fuzz

lint:
	@etc/deps.sh $(DEPS_LINT)
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory tidy
	@regress/lint.sh $(OUT)

tidy:
	clang-tidy --quiet $(LIB_SRC) $(wildcard weav*/main.c) -- $(LANGUAGE)

# Fetches what any of the targets needs.
deps:
	@etc/deps.sh $(sort $(DEPS_CHECK) $(DEPS_LINT) $(DEPS_FUZZ) $(DEPS_BENCH))

# What the image is built with.
print-deps:
	@echo $(DEPS)

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) \
	    $(DESTDIR)$(UNITDIR) $(DESTDIR)$(INITDIR) $(DESTDIR)$(CONFDIR) \
	    $(DESTDIR)$(CNIBINDIR)
	install $(OUT)/weaved $(DESTDIR)$(SBINDIR)
	install $(OUT)/weavectl $(DESTDIR)$(BINDIR)
	install $(OUT)/weave-net $(DESTDIR)$(CNIBINDIR)
	ln -sf weave-net $(DESTDIR)$(CNIBINDIR)/weave-ipam
	for page in $(MANUALS); do install -D -m 644 $$page \
	    $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done
	sed 's,/usr/local/sbin,$(SBINDIR),' etc/systemd/weaved.service \
	    >$(DESTDIR)$(UNITDIR)/weaved.service
	sed 's,/usr/local/sbin,$(SBINDIR),' etc/weaved.init \
	    >$(DESTDIR)$(INITDIR)/weaved
	chmod 644 $(DESTDIR)$(UNITDIR)/weaved.service
	chmod 755 $(DESTDIR)$(INITDIR)/weaved
	[ -e $(DESTDIR)$(CONFDIR)/weaved.conf ] || \
	    install -m 644 etc/weaved.conf $(DESTDIR)$(CONFDIR)
	[ -n "$(DESTDIR)" ] || etc/accounts.sh

# What the operator wrote stays: another weaved.conf, the password, the state.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/weaved $(DESTDIR)$(BINDIR)/weavectl \
	    $(DESTDIR)$(CNIBINDIR)/weave-net $(DESTDIR)$(CNIBINDIR)/weave-ipam \
	    $(DESTDIR)$(UNITDIR)/weaved.service $(DESTDIR)$(INITDIR)/weaved
	for page in $(MANUALS); do rm -f \
	    $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	cmp -s etc/weaved.conf $(DESTDIR)$(CONFDIR)/weaved.conf && \
	    rm $(DESTDIR)$(CONFDIR)/weaved.conf || :
	rmdir $(DESTDIR)$(CONFDIR) 2>/dev/null || :

clean:
	rm -rf $(BUILD)

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

.PHONY: print-deps all tests corpora fuzzers check demo soak fuzz lint tidy bench deps install uninstall clean
.SECONDARY:
