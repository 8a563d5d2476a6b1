# mypy: ignore-errors
"""Django with its admin, sessions and CSRF, as ASGI (``app``) and as WSGI (``wsgi``). Run as a program it makes the
database that DJANGO_DATABASE names, with one user.
"""

import os
import sys

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DJANGO_DATABASE"]}},
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
        "django.contrib.sessions",
    ],
    LANGUAGE_CODE="en",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.gzip.GZipMiddleware", "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no worth",
    STATIC_URL="static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)  # fmt: skip
django.setup()

from django.contrib import admin  # noqa: E402 - needs the settings
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"], "url": request.build_absolute_uri()})


def form(request):
    return HttpResponse(f"got {request.POST.get('word')}")


@csrf_exempt
def upload(request):
    return JsonResponse({name: [file.name, file.size] for name, file in request.FILES.items()})


def lines(_request):
    return StreamingHttpResponse(iter([f"line {number}\n" for number in range(50)]), content_type="text/plain")


def source(_request):
    return FileResponse(open(__file__, "rb"), as_attachment=True, filename="source.py")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("visits", visits),
    path("form", form),
    path("upload", upload),
    path("lines/", lines),
    path("source", source),
]

app = get_asgi_application()
wsgi = get_wsgi_application()

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    User.objects.create_superuser(sys.argv[1], password=sys.argv[2])
